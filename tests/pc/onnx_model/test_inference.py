from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from inference_cases import PLAIN, Case
from onnx_files import computed
from reference import architecture

from pcsearch.pc.evaluation.evaluator import infer as expected_steps
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.folding import fold
from pcsearch.pc.model.inference import InferenceSettings
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.onnx_model.graph import Graph, Value
from pcsearch.pc.onnx_model.inference import Mask, States, infer
from pcsearch.pc.onnx_model.layers import Layers

LR, STEPS = 0.05, 3
SETTINGS = {
    "plain": PLAIN,
    "momentum": replace(PLAIN, momentum=0.7),
    "scaled by layer": replace(PLAIN, scale_base=1.3),
    "clipped": replace(PLAIN, scale_base=0.8, clip_norm=2.0),
    "not clipped": replace(PLAIN, clip_norm=1e4),
    "penalties": replace(PLAIN, penalty=Penalty(0.3, 0.2)),
    "AdamW": replace(PLAIN, adamw=True, scale_base=1.3),
}


@pytest.mark.parametrize("masked", [False, True], ids=["clamped", "masked"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_states_are_those_of_an_evaluation(settings: InferenceSettings, masked: bool) -> None:
    case = Case(architecture(num_blocks=2, state_norm=True), free=masked)
    known = (torch.arange(9) < 5).double()[None, :, None].expand(1, 9, case.shape.patch_dim)
    *_, last = expected_steps(
        case.model,
        fresh_learner(case.weights),
        case.hidden,
        case.images,
        lr=LR,
        steps=STEPS,
        settings=settings,
        known=known if masked else None,
        alpha=0.7,
    )
    graph = Graph()
    weights = {name: weight.float() for name, weight in case.weights.items()}
    layers = Layers(graph, case.shape, fold(case.model, weights))
    mask = Mask(graph.constant(known.float().numpy()), 0.7) if masked else None
    tensors = {name: t.float() for name, t in case.hidden._asdict().items() if t is not None}
    start = States(*(Value(graph, name) for name in tensors))
    patches = Value(graph, "patches")
    after = infer(layers, start, patches, LR, STEPS, settings, mask)
    found = computed(
        graph, [each for each in after if each is not None], patches=case.images.float(), **tensors
    )
    free = last.update.hidden.free()
    assert max((a - b).abs().max() for a, b in zip(free, case.hidden.free(), strict=True)) > 0.01
    for one, other in zip(found, free, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other.float(), rtol=1e-4, atol=1e-4)
