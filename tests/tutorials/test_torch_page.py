"""The page on leaving for PyTorch: its commands and its code, run in order."""

import re
from pathlib import Path

import numpy as np
import pytest

from minivae import VAE, Binomial, cli
from minivae.training import checkpoints

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

PAGE = Path(__file__).parents[2] / "tutorials" / "growing_out_of_it.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_twenty_lines_there_a_training_and_back(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (train, export), back = (block.splitlines() for block in blocks("sh"))
    *back, check = back
    for words in (train, check):  # they take seconds, and have tests of their own
        cli.build_parser().parse_args(words.split()[1:])
    Path("runs/first").mkdir(parents=True)
    model = VAE.mlp(64, 16, likelihood=Binomial(16), rng=np.random.default_rng(0))
    data = {"name": "digits", "max_count": 16, "shape": (8, 8)}
    checkpoints.save("runs/first/model.npz", model, data=data)

    assert cli.main(export.split()[1:]) == 0
    printed = capsys.readouterr().out
    module, compare, training, _ = blocks("python")
    lines = [line for line in module.splitlines() if line]
    assert [line for line in printed.splitlines() if line][1:17] == lines[:16]
    assert len([line for line in lines if "import" not in line]) == 20

    code = compile(module + compare + training, PAGE.name, "exec")
    exec(code, {"__name__": "page"})
    assert re.match(r"nelbo [\d.]+ in NumPy, [\d.]+ in PyTorch", capsys.readouterr().out)

    evaluations = []
    for words in (*back, "minivae evaluate runs/first/model.npz"):
        assert cli.main(words.split()[1:]) == 0, words
        evaluations += re.findall(r"nelbo +([\d.]+) ±", capsys.readouterr().out)
    trained, untrained = map(float, evaluations)
    assert trained < 150 < 400 < untrained, (trained, untrained)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("B", [97, 100])
def test_the_ranks_shares_are_the_whole_batch(world, B):
    page = {"__name__": "page"}
    exec("".join(blocks("python")[::3]), page)  # the module, and share()
    torch.manual_seed(0)
    model = page["Model"]()
    x, eps = torch.randint(17, (B, 64)).float(), torch.randn(B, 16)

    def gradient(*losses):
        model.zero_grad()
        for loss in losses:
            loss.backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()]) / len(losses)

    whole = gradient(model(x, eps))
    shares = [page["share"](model, x, eps, rank, world) for rank in range(world)]
    torch.testing.assert_close(gradient(*shares), whole, rtol=1e-4, atol=1e-4)
    parts = [model(x[rank::world], eps[rank::world]) for rank in range(world)]
    wrong = gradient(*parts)  # every part counts alike
    assert torch.allclose(wrong, whole, rtol=1e-4, atol=1e-4) == (B % world == 0)
