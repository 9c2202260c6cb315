"""Adversarial training: a critic that learns to tell restored pictures from long exposures.

`networks` are the critics, `objectives` what each side is to make small, `adversary` their part of
a step of training, and `watch` how the two hold their own.
"""

from rawkit.train.critic.adversary import Adversary

__all__ = ["Adversary"]
