"""The walk through a graph, node by node, to its outputs or to the first node that the proof refuses."""

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import NodeProto

from tinyvmaf.model.certificate import Broken, ExactnessCertificate
from tinyvmaf.model.certificate.call import Ends, Findings, NodeCall, whole
from tinyvmaf.model.certificate.casts import tensor
from tinyvmaf.model.certificate.load import (
    LARGEST_PICTURE,
    attributes,
    check,
    declared_kind,
    live_nodes,
    parse,
    read_inputs,
)
from tinyvmaf.model.certificate.operators import PICTURES, RULES, why_no_rule
from tinyvmaf.model.certificate.pictures import Rule
from tinyvmaf.model.certificate.quotient import divide, quotients, remain
from tinyvmaf.model.certificate.values import Refusal, Values
from tinyvmaf.model.contract.words import in_one_line, quoted


@dataclass(frozen=True)
class Place:
    """The node that the walk is at."""

    node: str = ""
    op: str = ""


class Walk:
    """One walk. `run` goes as far as the proof holds; `known` has what is known about each value."""

    def __init__(self, data: bytes) -> None:
        self.model = parse(data)
        self.findings = Findings()
        self.known: dict[str, Values] = {}
        self.makers: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.ends: dict[str, Ends] = {}
        self.place = Place()
        self.double: Place | None = None  # the first node with float64

    def run(self) -> None:
        """Walk to the outputs.

        Raises:
            Refusal: the proof does not reach them.
        """
        opset = check(self.model)
        graph = self.model.graph
        live = live_nodes(graph)
        used = {name for _, node in live for name in node.input} | {value.name for value in graph.output}
        self._learn(read_inputs(graph))
        for proto in graph.initializer:
            if proto.name in used:
                self._learn({proto.name: tensor(proto)})
        found = quotients([node for _, node in live], [value.name for value in graph.output])
        ends = {quotient.makes: quotient for quotient in found}
        rests = {quotient.rest: quotient for quotient in found if quotient.rest}
        inner = {name for quotient in found for name in quotient.inner}
        for _, node in live:
            if node.output[0] in ends:
                self._follow(node, opset, divide, ends[node.output[0]].takes)
            elif node.output[0] in rests:
                self._follow(node, opset, remain, rests[node.output[0]].takes)
            elif node.output[0] not in inner:
                self._follow(node, opset)
        self.place = Place()
        for value in graph.output:
            self._leave(value.name, declared_kind(value))

    def _learn(self, found: dict[str, Values]) -> None:
        self.known |= found
        if self.double is None and any(values.kind == "float64" for values in found.values()):
            self.double = self.place

    def _follow(
        self, node: NodeProto, opset: int, rule: Rule | None = None, takes: Sequence[str] | None = None
    ) -> None:
        """Learn what a node makes.

        Args:
            rule: instead of that of its operator, for inputs of these names (`takes`).
        """
        name = next((output for output in node.output if output), "")
        self.place = Place(node.name or name, node.op_type if len(node.op_type) < 80 else "...")
        takes = list(node.input) if takes is None else takes
        inputs = [self._known(name) if name else None for name in takes]
        picture = any(values is not None and values.sizes for values in inputs)
        op = node.op_type if node.domain in ("", "ai.onnx") else ""
        rule = rule or (PICTURES if picture else RULES).get(op)
        if rule is None:
            raise Refusal(*why_no_rule(op, picture=picture))
        call = NodeCall(
            self.place.node,
            node.op_type,
            inputs,
            len(node.output),
            opset,
            attributes(node),
            self.findings,
            tuple(takes),
            self.makers,
            self.known,
            self.ends,
        )
        made = rule(call)
        results = made if isinstance(made, list) else [made]
        unread = sorted(set(call.attributes) - call.looked_at)
        if unread or len(results) != len(node.output):
            raise Refusal(f"unknown attribute {quoted(unread[0])}" if unread else "it has more than one output")
        if call.own_ends is not None:
            self.ends |= dict.fromkeys(node.output, call.own_ends)
        self.makers |= {name: (node.op_type, tuple(node.input)) for name in node.output}
        self._learn({name: whole(values) for name, values in zip(node.output, results, strict=True) if name})

    def _known(self, name: str) -> Values:
        if name not in self.known:
            raise Refusal(f"it reads {quoted(name)}, which nothing before it makes")
        return self.known[name]

    def _leave(self, name: str, kind: str) -> None:
        values = self.known.get(name)
        where = f"output {quoted(name)}"
        if values is None:
            raise Refusal(f"{where} is made by nothing")
        if values.kind != kind:
            raise Refusal(f"{where} is {values.kind}, and is declared as {kind}")
        if values.infinite:
            raise Refusal(f"{where} may be infinite", "Clip it")
        if values.flush is not None:
            self.findings.flushed.append(where)


def prove(data: bytes) -> ExactnessCertificate:
    """`tinyvmaf.model.certificate.certify`."""
    walk = Walk(data)
    broken = None
    try:
        walk.run()
    except Refusal as refusal:
        broken = Broken(walk.place.node, walk.place.op, refusal.why, refusal.hint)
    except Exception as error:  # hostile bytes, or a gap in a rule: then nothing is proven
        broken = Broken(walk.place.node, walk.place.op, f"the proof cannot follow it: {in_one_line(error)}", None)
    proven = broken is None
    if proven and walk.double is not None:
        broken = Broken(
            walk.double.node,
            walk.double.op,
            "it computes in float64, and some engines use float32 for it",
            "run it on an engine with real float64, or use float32",
        )
    pictures = any(values.sizes for values in walk.known.values())
    return ExactnessCertificate(
        certified=broken is None,
        arithmetic="float32" if walk.double is None else "float64",
        exact_in_float64=proven,
        flush_to_zero_safe=proven and not walk.findings.flushed,
        reductions=tuple(walk.findings.reductions),
        broken=broken,
        largest_picture=LARGEST_PICTURE if pictures else None,
    )
