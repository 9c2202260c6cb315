"""How alike pictures or videos are, how steady and how sharp: the one judge of all."""

from rawkit.metrics.brightness import (
    BRIGHTNESS_VARIANTS,
    BrightnessCurve,
    BrightnessMeter,
    BrightnessVariant,
    brightness_curve,
    brightness_of,
)
from rawkit.metrics.sharpness import sharpness
from rawkit.metrics.similarity import MS_SSIM_MIN_SIDE, SSIM_VARIANTS, compare, ms_ssim, psnr, ssim

__all__ = [
    "BRIGHTNESS_VARIANTS",
    "MS_SSIM_MIN_SIDE",
    "SSIM_VARIANTS",
    "BrightnessCurve",
    "BrightnessMeter",
    "BrightnessVariant",
    "brightness_curve",
    "brightness_of",
    "compare",
    "ms_ssim",
    "psnr",
    "sharpness",
    "ssim",
]
