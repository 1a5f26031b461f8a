"""Suites for pytest-benchmark: `python -m pytest bench/suites --benchmark-only`.

Each entry is warmed up before it is measured. Versions and device are in `machine_info` of the JSON
file (`--benchmark-json FILE`), quality and memory of the model in `extra_info`. Nothing is asserted
of a time: `python -m bench compare` tells whether one became longer.
"""
