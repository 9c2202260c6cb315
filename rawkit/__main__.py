"""``python -m rawkit``: the command line, as ``torchrun -m`` starts it."""

from rawkit.cli import main

main(prog_name="rawkit")
