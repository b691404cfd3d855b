"""An exact model as a WebAssembly module of a few kilobytes, which needs no library.

WebAssembly's arithmetic is IEEE 754 in float32 and float64, without merging or reordering. A graph that is proven exact
gives the same bits in any order of its sums, so here too. As in the proof, -0 and 0 count as equal.
"""

from tinyvmaf.model.wasm.module import CAPACITY, WasmModule, wasm_module

__all__ = ["CAPACITY", "WasmModule", "wasm_module"]
