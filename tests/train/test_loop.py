"""Training: resumed bit for bit, stopped cleanly, diverged loudly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from rawkit.errors import OutputError, StoreDamagedError, TrainingError, UsageError
from rawkit.models import SeenCamera, load_network, prepare
from rawkit.sensor import REFERENCE_NEUTRAL, unpack
from rawkit.store import Store
from rawkit.stream import BatchStream, spread
from rawkit.train import (
    BEST,
    LAST,
    WEIGHTS,
    TrainData,
    Trainer,
    TrainReport,
    TrainSettings,
    check_new_run,
    load_checkpoint,
)
from rawkit.train.data import cameras_in, plan_settings
from rawkit.train.devices import make_fabric
from rawkit.train.loop import SETTINGS
from rawkit.train.record import METRICS
from rawkit.train.runs import choose_subset, find_run, new_run_name, newest_weights
from rawkit.train.validate import restore_pair, validate
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, copy_workspace, make_sources, tiny
from tests.train.test_checkpoint import no_more_than

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from rawkit.progress import Advance
    from rawkit.stream import PairSource
    from rawkit.train.identity import DataIdentity
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

STEPS = 6


class CallAt:
    """A progress that does something when a step is done."""

    def __init__(self, step: int, act: Callable[[], None]) -> None:
        self._step, self._act = step, act

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's
        """Count what is done."""
        seen = 0

        def advance(done: int = 1, note: str = "") -> None:  # noqa: ARG001 - the protocol's
            nonlocal seen
            seen += done
            if seen == self._step and done:
                self._act()

        yield advance


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def raise_ctrl_c() -> None:
    raise KeyboardInterrupt


def weights_of(folder: Path, name: str = LAST) -> dict[str, Tensor]:
    return dict(load_checkpoint(folder / name).model)


def assert_same_state(one: Path, other: Path) -> None:
    """Compare two checkpoints bit for bit: weights, moments of Adam, where they stand."""
    first, second = load_checkpoint(one / LAST), load_checkpoint(other / LAST)
    assert (first.step, first.position) == (second.step, second.position)
    assert first.best_psnr == second.best_psnr
    for name, value in first.model.items():
        assert torch.equal(value, second.model[name]), name
    assert (first.average is None) == (second.average is None)
    for name, value in (first.average or {}).items():
        assert torch.equal(value, (second.average or {})[name]), name
    for number, moments in first.optimizer["state"].items():
        for name, value in moments.items():
            assert torch.equal(value, second.optimizer["state"][number][name]), name


def resumed(settings: TrainSettings, data: TrainData, folder: Path, **options: Any) -> TrainReport:
    """Go on with a run as `rawkit train --resume` does."""
    trainer = Trainer(settings, data, folder)
    trainer.resume(load_checkpoint(folder / LAST))
    return trainer.run(**options)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Let all runs of this module compute in one thread: it decides the last bit of a sum."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole_run(tiny_data: TrainData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was never stopped, validated twice."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    report = Trainer(tiny(STEPS), tiny_data, folder).run(validate_every=4)
    assert (report.steps, report.interrupted) == (STEPS, False)
    return folder


def lines_of(folder: Path) -> list[dict[str, Any]]:
    def refuse(name: str) -> None:
        raise AssertionError(name)  # NaN and Infinity are no JSON

    text = (folder / METRICS).read_text()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_a_run_leaves_settings_metrics_and_two_checkpoints(whole_run: Path) -> None:
    names = {path.name for path in whole_run.iterdir()}
    kept = {"step-00000004.pt", "step-00000006.pt"}
    assert names == {LAST, BEST, WEIGHTS, METRICS, SETTINGS, *kept}
    assert json.loads((whole_run / SETTINGS).read_text()) == tiny(STEPS).as_dict()
    state = load_checkpoint(whole_run / LAST)
    assert (state.step, state.position, state.settings) == (STEPS, 2 * STEPS, tiny(STEPS))


def test_metrics_are_one_json_object_for_each_validation(whole_run: Path) -> None:
    lines = lines_of(whole_run)
    assert [(line["step"], line["samples"]) for line in lines] == [(4, 8), (6, 12)]
    for line in lines:
        assert line["loss"] > 0
        assert line["crops_per_second"] > 0
        assert 0 <= line["waiting"] <= 1
        assert 0 < line["psnr"] < 60
        assert -1 <= line["ssim"] <= 1


def test_the_best_weights_are_those_of_the_best_validation(
    whole_run: Path, tiny_data: TrainData
) -> None:
    best = load_checkpoint(whole_run / BEST)
    lines = lines_of(whole_run)
    assert best.best_psnr == max(line["psnr"] for line in lines)
    net, _ = load_network(whole_run / BEST)
    scores = validate(net, "lamba2021", tiny_data.val, tiny().amplifier())
    assert scores.psnr == pytest.approx(best.best_psnr, abs=1e-6)
    assert scores.frames == 3


def test_training_changes_the_weights_and_lowers_the_loss(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    losses: list[float] = []
    settings = tiny(12, learning_rate=1e-3)
    trainer = Trainer(settings, TrainData(tiny_data.train, []), tmp_path)
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    losses.extend(trainer._steps(None))  # noqa: SLF001 - the loss of each step
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    same = [torch.equal(value, before[name]) for name, value in trainer.net.state_dict().items()]
    assert not any(same)


@pytest.mark.parametrize("stop", [press_ctrl_c, raise_ctrl_c])
@pytest.mark.parametrize("at", [1, 3])
def test_a_run_that_was_interrupted_goes_on_to_the_same_weights_bit_for_bit(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path, at: int, stop: Callable[[], None]
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    report = Trainer(tiny(STEPS), tiny_data, tmp_path).run(
        validate_every=4, progress=CallAt(at, stop)
    )
    assert signal.getsignal(signal.SIGINT) is handler
    assert (report.steps, report.interrupted, report.scores) == (at, True, None)
    assert load_checkpoint(tmp_path / LAST).step == at
    report = resumed(tiny(STEPS), tiny_data, tmp_path, validate_every=4)
    assert (report.steps, report.interrupted) == (STEPS, False)
    assert_same_state(tmp_path, whole_run)
    assert [line["psnr"] for line in lines_of(tmp_path)] == [
        line["psnr"] for line in lines_of(whole_run)
    ]


def test_a_run_of_fewer_steps_can_be_given_more(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(4), tiny_data, tmp_path).run()
    resumed(tiny(STEPS), tiny_data, tmp_path, validate_every=4)
    assert_same_state(tmp_path, whole_run)


def test_the_same_settings_give_the_same_weights(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(STEPS), tiny_data, tmp_path, threads=1).run(validate_every=4)
    assert_same_state(tmp_path, whole_run)


def test_validation_does_not_change_a_training(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(STEPS), TrainData(tiny_data.train, []), tmp_path).run(validate_every=1)
    expected = weights_of(whole_run)
    for name, value in weights_of(tmp_path).items():
        assert torch.equal(value, expected[name]), name


def test_another_seed_gives_other_weights(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(STEPS, seed=1), TrainData(tiny_data.train, []), tmp_path).run()
    expected = weights_of(whole_run)
    assert not any(torch.equal(v, expected[name]) for name, v in weights_of(tmp_path).items())


FULL: dict[str, Any] = {
    "ema": 0.9, "accumulate": 2, "clip_norm": 0.1, "schedule": "cosine", "warmup": 3,
    "batch_size": 3, "crop": 64, "ssim_weight": 0.5,
}  # fmt: skip
"""Everything that must be resumed too. One crop of 32, a single cell at the coarsest scale, is the
one size at which torch's convolutions on the CPU differ in the last bit from run to run."""
KILLED = """
import sys
from pathlib import Path
from rawkit.train import Trainer
from rawkit.train.runs import choose_subset, open_data
from rawkit.workspace import Workspace
from tests.support.fixtures_stream import tiny
from tests.train.test_loop import FULL
workspace, folder = Workspace(Path(sys.argv[1])), Path(sys.argv[2])
data = open_data(choose_subset(workspace, "f1"), workspace)
Trainer(tiny(400, **FULL), data, folder).run(validate_every=2)
"""


def test_a_run_that_was_killed_goes_on_to_the_same_weights_bit_for_bit(
    sid_workspace: Workspace, tiny_data: TrainData, tmp_path: Path
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    # The number of threads decides the last bit of a sum.
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(sid_workspace.root), str(killed)], env=environment
    )
    try:
        deadline = time.monotonic() + 240
        while not (killed / LAST).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    settings = tiny(400, **FULL)
    end = load_checkpoint(killed / LAST).step + 2
    stop = CallAt(end, press_ctrl_c)
    assert resumed(settings, tiny_data, killed, validate_every=2, progress=stop).steps == end
    Trainer(settings, tiny_data, whole).run(validate_every=2, progress=CallAt(end, press_ctrl_c))
    assert_same_state(killed, whole)
    assert [line["psnr"] for line in lines_of(killed)] == [line["psnr"] for line in lines_of(whole)]


def test_the_average_is_what_is_validated_saved_and_restored_with(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(3, ema=0.9), tiny_data, tmp_path).run()
    state = load_checkpoint(tmp_path / LAST)
    assert state.average is not None
    for name in (LAST, BEST, WEIGHTS):
        net, loaded = load_network(tmp_path / name)
        assert loaded.settings["ema"] == 0.9
        for key, value in net.state_dict().items():
            assert torch.equal(value, state.average[key])
            assert not torch.equal(value, state.model[key])
    scores = validate(net, "lamba2021", tiny_data.val, tiny().amplifier())
    assert scores.psnr == pytest.approx(lines_of(tmp_path)[-1]["psnr"], abs=1e-6)


def test_only_the_newest_checkpoints_are_kept_and_the_last_is_one_of_them(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    Trainer(tiny(5), data, tmp_path, keep=2).run(validate_every=1)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        "step-00000004.pt", "step-00000005.pt",
    ]  # fmt: skip
    assert load_checkpoint(tmp_path / "step-00000004.pt").step == 4
    assert (tmp_path / "step-00000005.pt").samefile(tmp_path / LAST)
    resumed(tiny(6), data, tmp_path)
    assert load_checkpoint(tmp_path / "step-00000005.pt").step == 5


def test_lines_of_steps_that_are_done_again_are_dropped(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    Trainer(tiny(2), data, tmp_path).run(validate_every=1)
    before = (tmp_path / METRICS).read_text()
    lines = [json.dumps({"step": step}) for step in (3, 4)]
    (tmp_path / METRICS).write_text(before + "\n".join(lines) + '\n{"step": 5, "lo')
    resumed(tiny(3), data, tmp_path)
    assert [line["step"] for line in lines_of(tmp_path)] == [1, 2, 3]
    assert (tmp_path / METRICS).read_text().startswith(before)


def test_a_disk_that_is_full_at_a_checkpoint_leaves_the_one_before(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    Trainer(tiny(2), data, tmp_path).run()
    before = (tmp_path / LAST).read_bytes()
    with no_more_than(len(before) // 2), pytest.raises(OutputError, match="cannot be written"):
        resumed(tiny(4), data, tmp_path)
    assert (tmp_path / LAST).read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    assert resumed(tiny(4), data, tmp_path).steps == 4


def test_bf16_trains_near_to_fp32(tiny_data: TrainData, tmp_path: Path) -> None:
    data = TrainData(tiny_data.train, [])
    reports = [
        Trainer(tiny(3, precision=one), data, tmp_path / one).run() for one in ("fp32", "bf16")
    ]
    assert reports[1].loss == pytest.approx(reports[0].loss, rel=0.05)
    assert reports[1].loss != reports[0].loss
    assert all(value.dtype == torch.float32 for value in weights_of(tmp_path / "bf16").values())


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(UsageError, match="fp16 on the CPU"):
        make_fabric("cpu", "fp16")


def test_gradients_are_clipped_to_the_norm(tiny_data: TrainData, tmp_path: Path) -> None:
    data = TrainData(tiny_data.train, [])
    trainer = Trainer(tiny(1, clip_norm=1e-3), data, tmp_path)
    trainer.run()
    norms = [one.grad.norm() for one in trainer.net.parameters() if one.grad is not None]
    assert float(torch.stack(norms).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_metrics_for_tensorboard_are_those_of_the_lines(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    Trainer(tiny(2), tiny_data, tmp_path, board=True).run(validate_every=1)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    for name in ("loss", "psnr", "ssim", "rate"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        expected = [(line["step"], pytest.approx(line[name])) for line in lines_of(tmp_path)]
        assert found == expected


def test_tensorboard_that_is_not_installed_is_said(
    tiny_data: TrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match="TensorBoard is not installed") as caught:
        Trainer(tiny(1), tiny_data, tmp_path, board=True).run()
    assert "rawkit-lowlight[tensorboard]" in (caught.value.fix or "")


def test_a_run_does_not_go_on_with_other_frames(tiny_data: TrainData, tmp_path: Path) -> None:
    Trainer(tiny(1), tiny_data, tmp_path).run()
    identity = tiny_data.identity
    assert identity is not None
    changed: dict[str, dict[str, Any]] = {
        "other frames among the 3 pairs of train": {"content": {**identity.content, "train": ""}},
        "4 pairs of val instead of 3": {
            "frames": {**identity.frames, "val": 4}, "content": {**identity.content, "val": ""},
        },
        "stores of rawkit 9 instead of": {"store_format": "rawkit 9"},
        "fraction 0.5 instead of 1": {
            "rules": {**identity.rules, "fraction": 0.5}, "content": {"train": "", "val": ""},
            "frames": {"train": 2, "val": 3},
        },
    }  # fmt: skip
    for text, change in changes_of(identity, changed):
        data = replace(tiny_data, identity=change)
        with pytest.raises(TrainingError) as caught:
            resumed(tiny(2), data, tmp_path)
        assert text in caught.value.reason
    same = replace(identity, rules={}, named=False)  # the same frames, chosen in another way
    assert resumed(tiny(2), replace(tiny_data, identity=same), tmp_path).steps == 2


def changes_of(
    identity: DataIdentity, changed: dict[str, dict[str, Any]]
) -> list[tuple[str, DataIdentity]]:
    return [(text, replace(identity, **change)) for text, change in changed.items()]


def test_torch_goes_on_with_the_random_numbers_that_would_have_come(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(1), TrainData(tiny_data.train, []), tmp_path).run()
    expected = torch.rand(4)
    torch.manual_seed(99)
    trainer = Trainer(tiny(2), TrainData(tiny_data.train, []), tmp_path)
    trainer.resume(load_checkpoint(tmp_path / LAST))
    assert torch.equal(torch.rand(4), expected)


def test_a_second_ctrl_c_does_not_wait_for_the_step(tiny_data: TrainData, tmp_path: Path) -> None:
    def twice() -> None:
        press_ctrl_c()
        press_ctrl_c()
        raise AssertionError

    report = Trainer(tiny(STEPS), tiny_data, tmp_path).run(progress=CallAt(2, twice))
    assert (report.steps, report.interrupted) == (2, True)


def test_ctrl_c_in_the_last_step_does_not_count(tiny_data: TrainData, tmp_path: Path) -> None:
    data = TrainData(tiny_data.train, [])
    report = Trainer(tiny(2), data, tmp_path).run(progress=CallAt(2, press_ctrl_c))
    assert (report.steps, report.interrupted) == (2, False)


def test_a_training_in_another_thread_leaves_signals_alone(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    reports = []
    trainer = Trainer(tiny(1), TrainData(tiny_data.train, []), tmp_path)
    thread = threading.Thread(target=lambda: reports.append(trainer.run()))
    thread.start()
    thread.join()
    assert [report.steps for report in reports] == [1]


def test_time_that_is_up_ends_a_run_without_an_interruption(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    report = Trainer(tiny(1000), data, tmp_path).run(max_seconds=1e-6)
    assert (report.steps, report.interrupted) == (1, False)
    assert load_checkpoint(tmp_path / LAST).step == 1


def test_a_finished_run_that_is_resumed_only_validates(
    whole_run: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    (tmp_path / LAST).write_bytes((whole_run / LAST).read_bytes())
    report = resumed(tiny(STEPS), tiny_data, tmp_path)
    assert report.steps == STEPS
    assert report.scores is not None
    assert_same_state(tmp_path, whole_run)
    assert [line["loss"] for line in lines_of(tmp_path)] == [None]


@pytest.mark.parametrize("validate_every", [None, 1])
def test_a_rate_that_is_far_too_high_ends_in_an_error_that_says_so(
    tiny_data: TrainData, tmp_path: Path, validate_every: int | None
) -> None:
    settings = tiny(20, learning_rate=1e10)
    with pytest.raises(TrainingError) as caught:
        Trainer(settings, tiny_data, tmp_path).run(validate_every=validate_every)
    assert caught.value.where == str(tmp_path)
    assert caught.value.fix == "Begin again with a lower rate (--lr) or with --clip-norm 1."
    assert not (tmp_path / LAST).exists()


@pytest.mark.parametrize("validate_every", [None, 1])
def test_a_training_that_diverges_leaves_a_checkpoint_to_go_on_from(
    tiny_data: TrainData, tmp_path: Path, validate_every: int | None
) -> None:
    Trainer(tiny(2), tiny_data, tmp_path).run()
    with pytest.raises(TrainingError) as caught:
        resumed(tiny(20, learning_rate=1e10), tiny_data, tmp_path, validate_every=validate_every)
    assert "--resume with a lower rate" in (caught.value.fix or "")
    report = resumed(tiny(22), tiny_data, tmp_path, max_seconds=1e-6)
    assert report.loss < 100


def test_numbers_that_are_none_are_never_written_as_weights(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    Trainer(tiny(2), tiny_data, tmp_path).run()
    before = (tmp_path / LAST).read_bytes()
    trainer = Trainer(tiny(2), TrainData(tiny_data.train, []), tmp_path)
    trainer.resume(load_checkpoint(tmp_path / LAST))
    with torch.no_grad():
        next(iter(trainer.net.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        trainer.run()
    assert (tmp_path / LAST).read_bytes() == before


def test_a_damaged_shard_ends_a_training_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "data", [Shape(32, 32, (32, 32))] * 9)
    data = TrainData(sources, [])
    Trainer(tiny(1), data, tmp_path / "run").run()
    local(sources[5].packed.path).unlink()
    with pytest.raises(StoreDamagedError):
        resumed(tiny(1000), data, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / LAST).step == 1


def test_a_run_folder_that_cannot_be_written_is_an_output_error(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OutputError):
        Trainer(tiny(1), tiny_data, tmp_path / "runs" / "one").run()


def test_a_name_that_is_taken_is_refused(whole_run: Path, tmp_path: Path) -> None:
    check_new_run(tmp_path)
    with pytest.raises(OutputError, match="a run of that name") as caught:
        check_new_run(whole_run)
    assert "--resume" in (caught.value.fix or "")


def test_validation_takes_frames_from_all_over_the_split(tiny_data: TrainData) -> None:
    many = [tiny_data.val[index % 3] for index in range(3)] * 7
    assert spread(many[:5]) == many[:5]
    assert spread(many, 4) == [many[0], many[5], many[10], many[15]]
    assert len(spread(many)) == 8


def test_a_validated_frame_is_its_target_and_the_restored_whole_frame(
    whole_run: Path, tiny_data: TrainData, sid_workspace: Workspace
) -> None:
    source = tiny_data.val[0]
    net, _ = load_network(whole_run / LAST)
    restored, target = restore_pair(prepare(net), "lamba2021", source, tiny().amplifier())
    (group,) = Store(sid_workspace.store("sid")).groups.values()
    truth = group.read("target", int(local(source.target.path).parts[-4]))
    np.testing.assert_allclose(target[0].numpy(), truth.astype(np.float64) / 65535, rtol=1e-6)
    # The frame is 128x192, whole multiples of 32: no padding, the plain network gives the same.
    packed = group.read("packed", int(local(source.packed.path).parts[-4])).astype(np.float64)
    black = source.black_level.astype(np.float64)[:, None, None]
    planes = np.maximum(packed - black, 0) / (source.white_level - black)
    mosaic = torch.from_numpy(unpack(planes * source.amplification_base)).float()[None, None]
    with torch.no_grad():
        expected = net(mosaic)
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-5)


def gained(source: PairSource, packed: np.ndarray) -> np.ndarray:
    """Balance the normalised planes of a frame by hand."""
    black = source.black_level.astype(np.float64)[:, None, None]
    red, _, blue, _ = source.white_balance.tolist()
    gains = np.array([0.40 * red, 1, 0.39 * blue, 1])[:, None, None]
    planes = np.maximum(packed.astype(np.float64) - black, 0) / (source.white_level - black)
    return np.asarray(planes * gains * source.amplification_base)


def test_with_balance_training_and_validation_see_grey_at_one_neutral(
    tiny_data: TrainData, sid_workspace: Workspace, tmp_path: Path
) -> None:
    settings = tiny(2, balance=True, augment=False)
    trainer = Trainer(settings, tiny_data, tmp_path)
    stream = BatchStream(tiny_data.train, plan_settings(settings), batch_size=2)
    batch = next(stream.batches())
    found = next(trainer._feed.batches()).planes  # noqa: SLF001 - what the network sees
    sources = {source.name: source for source in tiny_data.train}
    for place, name in enumerate(batch.names):
        expected = gained(sources[name], batch.packed[place])
        np.testing.assert_allclose(found[place].numpy(), expected, rtol=1e-5)
    trainer.run(validate_every=2)
    net, loaded = load_network(tmp_path / WEIGHTS)
    assert loaded.neutral == REFERENCE_NEUTRAL
    source = tiny_data.val[0]
    restored, _ = restore_pair(
        prepare(net), "lamba2021", source, settings.amplifier(), settings.neutral
    )
    (group,) = Store(sid_workspace.store("sid")).groups.values()
    packed = group.read("packed", int(local(source.packed.path).parts[-4]))
    with torch.no_grad():
        expected = net(torch.from_numpy(unpack(gained(source, packed))).float()[None, None])
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-5)


def test_runs_say_which_cameras_they_saw(whole_run: Path, tiny_data: TrainData) -> None:
    red, _, blue, _ = tiny_data.train[0].white_balance.tolist()
    neutral = pytest.approx((1 / red, 1.0, 1 / blue))
    for name in (LAST, BEST, WEIGHTS):
        _, loaded = load_network(whole_run / name)
        (found,) = loaded.cameras.values()
        assert list(loaded.cameras) == ["ILCE-7SM2"]
        assert found.pairs == 3
        assert found.neutral == neutral
        assert loaded.neutral is None
    assert load_checkpoint(whole_run / LAST).cameras == loaded.cameras


def test_the_neutral_of_a_camera_is_the_median_of_its_pairs(tiny_data: TrainData) -> None:
    one = tiny_data.train[0]
    balances = [(2.0, 1.0, 4.0, 1.0), (4.0, 1.0, 1.0, 1.0), (8.0, 1.0, 2.0, 1.0), (np.nan,) * 4]
    sources = [replace(one, white_balance=np.array(values, np.float32)) for values in balances]
    other = [replace(sources[3], camera="B"), replace(sources[0], camera="")]
    found = cameras_in([*sources, *other])
    assert found == {"ILCE-7SM2": SeenCamera(4, (0.25, 1.0, 0.5)), "B": SeenCamera(1, None)}


def test_pairs_of_no_known_balance_are_not_balanced(tiny_data: TrainData, tmp_path: Path) -> None:
    first, *others = tiny_data.train
    unknown = replace(first, white_balance=np.full(4, np.nan, np.float32))
    data = TrainData([unknown, *others], tiny_data.val)
    Trainer(tiny(), data, tmp_path)
    with pytest.raises(UsageError, match="1 of 6 pairs") as caught:
        Trainer(tiny(balance=True), data, tmp_path)
    assert first.name in caught.value.found


def test_runs_are_numbered_and_the_newest_is_found(
    sid_workspace: Workspace, whole_run: Path, tmp_path: Path
) -> None:
    workspace = copy_workspace(sid_workspace, tmp_path)
    runs = workspace.root / "runs"
    assert choose_subset(workspace, None).name == "f1"
    assert new_run_name(workspace, "f1", "lamba2021") == "f1-lamba2021-001"
    for number, name in enumerate(("b", "a")):
        folder = runs / name
        folder.mkdir(parents=True)
        (folder / LAST).write_bytes((whole_run / LAST).read_bytes())
        os.utime(folder / LAST, (1000 + number, 1000 + number))
    assert find_run(workspace, None).folder == workspace.run("a")
    assert find_run(workspace, "b").state.step == STEPS
    assert newest_weights(workspace) == workspace.run("a") / LAST
    (runs / "a" / BEST).write_bytes((whole_run / BEST).read_bytes())
    assert newest_weights(workspace) == workspace.run("a") / BEST
    (runs / "f1-lamba2021-001").mkdir()
    assert new_run_name(workspace, "f1", "lamba2021") == "f1-lamba2021-002"
