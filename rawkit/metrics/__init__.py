"""How alike two pictures are: one judge for training, evaluation and the pages."""

from rawkit.metrics.similarity import MS_SSIM_MIN_SIDE, SSIM_VARIANTS, compare, ms_ssim, psnr, ssim

__all__ = [
    "MS_SSIM_MIN_SIDE",
    "SSIM_VARIANTS",
    "compare",
    "ms_ssim",
    "psnr",
    "ssim",
]
