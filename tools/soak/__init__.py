"""The test that stays: random attacks on every door of tinyvmaf, for as long as you like. `python -m soak --help`."""
