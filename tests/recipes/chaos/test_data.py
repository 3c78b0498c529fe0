"""Chaotic series against independent solutions and known properties; columns of files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from recipes.chaos import embedded
from recipes.chaos.data import load
from recipes.chaos.formats import read_columns
from recipes.chaos.options import Config
from recipes.kit.data.facts import Fact
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import DataError, UserError


def by_the_method_of_steps(start: float, tau: float, end: float) -> list:
    """Dense solutions of Mackey-Glass, one for each interval of `tau`, the delayed value from the
    one before."""
    pieces = []
    while len(pieces) * tau < end:
        earlier = pieces[-1] if pieces else (lambda t: np.array([start]))

        def slope(t, x, earlier=earlier):
            delayed = earlier(t - tau)[0]
            return 0.2 * delayed / (1 + delayed**10) - 0.1 * x

        first = len(pieces) * tau
        x = pieces[-1](first) if pieces else [start]
        solved = solve_ivp(
            slope, (first, first + tau), x, "DOP853", rtol=1e-12, atol=1e-12, dense_output=True
        )
        pieces.append(solved.sol)
    return pieces


@pytest.mark.parametrize("tau", [17.0, 30.0, 2.5])
def test_mackey_glass_is_the_solution(tau: float) -> None:
    series = embedded.mackey_glass(150, tau=tau, seed=4, transient=0)
    start = 1.2 + 0.1 * float(np.random.default_rng(4).uniform(-1, 1))
    pieces = by_the_method_of_steps(start, tau, 150)
    times = np.arange(1, 151)
    wanted = [pieces[min(int((t - 1e-9) // tau), len(pieces) - 1)](t)[0] for t in times]
    np.testing.assert_allclose(series, wanted, atol=1e-5)
    # Of fourth order: half the step, a sixteenth of the error.
    finer = embedded.mackey_glass(150, tau=tau, seed=4, transient=0, substeps=20)
    ratio = np.abs(series - wanted).max() / np.abs(finer - wanted).max()
    assert 10 < ratio < 25


def test_mackey_glass_on_its_attractor() -> None:
    series = embedded.mackey_glass(2000)
    assert 0.4 < series.min() < 0.5 and 1.25 < series.max() < 1.35
    np.testing.assert_array_equal(series, embedded.mackey_glass(2000))
    assert np.abs(series - embedded.mackey_glass(2000, seed=1)).max() > 0.1
    with pytest.raises(ValueError, match="`tau` must be a positive multiple of 0.1"):
        embedded.mackey_glass(10, tau=17.03)


def lorenz_slope(states: np.ndarray) -> np.ndarray:
    x, y, z = states.T
    return np.stack([10 * (y - x), 28 * x - y - x * z, x * y - 8 * z / 3], axis=1)


def test_lorenz_follows_its_equations_and_grows_apart_at_the_known_rate() -> None:
    dt = 0.005
    states = embedded.lorenz(40_001, dt=dt)
    slope = (states[:-4] - 8 * states[1:-3] + 8 * states[3:-1] - states[4:]) / (12 * dt)
    np.testing.assert_allclose(slope, lorenz_slope(states[2:-2]), atol=0.05)

    def jacobian(state: np.ndarray) -> np.ndarray:
        x, y, z = state
        return np.array([[-10.0, 10.0, 0.0], [28.0 - z, -1.0, -x], [y, x, -8 / 3]])

    # The tangent along every second sample, by Runge-Kutta with the sample between as the middle.
    tangent, grown, h = np.array([1.0, 0.0, 0.0]), [], 2 * dt
    for first, middle, last in zip(states[:-2:2], states[1:-1:2], states[2::2], strict=True):
        k1 = jacobian(first) @ tangent
        k2 = jacobian(middle) @ (tangent + h / 2 * k1)
        k3 = jacobian(middle) @ (tangent + h / 2 * k2)
        k4 = jacobian(last) @ (tangent + h * k3)
        tangent = tangent + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        size = np.linalg.norm(tangent)
        grown.append(np.log(size))
        tangent /= size
    assert np.sum(grown) / (h * len(grown)) == pytest.approx(embedded.LORENZ_EXPONENT, abs=0.08)


def test_narma10_by_hand() -> None:
    u = np.random.default_rng(3).uniform(0, 0.5, 30)
    y = np.zeros(31)  # y[t + 1] as the equation has it, from rest
    for t in range(30):
        last = sum(y[t - i] for i in range(10) if t - i >= 0)
        product = u[t] * u[t - 9] if t >= 9 else 0.0
        y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * last + 1.5 * product + 0.1
    np.testing.assert_allclose(embedded.narma10_of(u), y[1:], rtol=1e-12)
    inputs, outputs = embedded.narma10(2000, seed=1)
    assert 0 <= inputs.min() and inputs.max() <= 0.5 and len(inputs) == len(outputs) == 2000
    t = 500
    again = 0.3 * outputs[t - 1] + 0.05 * outputs[t - 1] * outputs[t - 10 : t].sum()
    assert outputs[t] == pytest.approx(again + 1.5 * inputs[t] * inputs[t - 9] + 0.1)


def test_delayed_inputs() -> None:
    u, earlier = embedded.delayed_inputs(50, 7, seed=2)
    assert u.shape == (50,) and earlier.shape == (50, 7)
    for delay in range(1, 8):
        np.testing.assert_array_equal(earlier[7:, delay - 1], u[7 - delay : -delay])


def test_parts_follow_each_other_with_a_run_up() -> None:
    config = Config(train_steps=200, held_out=80, run_up=30, horizon=5, run_steps=20)
    data = load(EMBEDDED, config)
    parts = (data.train, data.valid.part, data.test.part)
    assert [len(part) for part in parts] == [200, 80, 80]
    assert [part.lead for part in parts] == [0, 30, 30]
    whole = np.concatenate([part.inputs[part.lead :] for part in parts])
    np.testing.assert_array_equal(whole[:, 0], embedded.mackey_glass(361)[:-1])
    for part in parts:
        np.testing.assert_array_equal(part.targets[:-1], part.inputs[1:])
    np.testing.assert_array_equal(data.valid.part.inputs[:30], data.train.inputs[-30:])
    assert data.continues and data.test.scoring.lyapunov is None
    assert (data.objective.name, data.objective.mode) == ("val_median_error_5", "min")
    # What chooses asks for shorter free runs than what is reported.
    assert (data.valid.scoring.run_steps, data.test.scoring.run_steps) == (5, 20)
    assert data.understood == (
        Fact("steps", "200 train, 80 valid, 80 test, in this order"),
        Fact("source", "embedded"),
        Fact("made", "Mackey-Glass equation, tau 17, 1 unit of time per step"),
        Fact(
            "free runs",
            "20 steps from each of 50 starts, scored 5 steps ahead and until the error exceeds 0.4",
        ),
    )


def test_a_known_exponent_makes_valid_times_decide() -> None:
    sizes = {"train_steps": 200, "held_out": 80, "horizon": 5, "run_steps": 20}
    for options in ({"task": "lorenz"}, {"lyapunov": 0.006}):
        data = load(EMBEDDED, Config(**options, **sizes))
        assert (data.objective.name, data.objective.mode) == ("val_valid_time", "max")
        assert data.valid.scoring == data.test.scoring
    assert load(EMBEDDED, Config(task="lorenz", **sizes)).test.scoring.lyapunov == pytest.approx(
        0.02 * embedded.LORENZ_EXPONENT
    )


def test_driven_systems_have_their_outputs_at_the_same_step() -> None:
    data = load(
        EMBEDDED,
        Config(task="memory_capacity", delays=5, train_steps=60, held_out=20, washout=10),
    )
    assert not data.continues and data.train.targets.shape == (60, 5)
    np.testing.assert_array_equal(data.train.targets[5:, 1], data.train.inputs[3:-2, 0])
    assert (data.objective.name, data.objective.mode) == ("val_memory_capacity", "max")
    data = load(EMBEDDED, Config(task="narma10"))
    assert data.targets == ("y",) and data.objective.name == "val_nrmse"
    assert [fact.topic for fact in data.understood] == ["steps", "source", "made"]


TABLE = "day,a,b\n" + "".join(f"{1980 + i}-05,{i}.5,{-i}e1\n" for i in range(40))


def test_columns_of_a_file(tmp_path) -> None:
    (tmp_path / "table.csv").write_text("# from a logger\n" + TABLE)
    with gzip.open(tmp_path / "table.csv.gz", "wt") as file:
        file.write(TABLE)
    np.save(tmp_path / "two.npy", np.arange(80).reshape(40, 2))
    np.save(tmp_path / "one.npy", np.arange(40, dtype="float32"))
    (tmp_path / "plain.txt").write_text("".join(f"{i} {i * i}\n\n" for i in range(40)))
    for name in ("table.csv", "table.csv.gz"):
        read = read_columns(tmp_path / name, ["b", "1"])
        assert (read.names, read.others) == (("b", "a"), ["day"])
        np.testing.assert_array_equal(read.values[3], [-30.0, 3.5])
    assert read_columns(tmp_path / "two.npy").values[5].tolist() == [10.0, 11.0]
    assert read_columns(tmp_path / "one.npy").values.shape == (40, 1)
    np.savez(tmp_path / "two.npz", a=np.arange(80).reshape(40, 2))
    assert read_columns(tmp_path / "two.npz").values[5].tolist() == [10.0, 11.0]
    assert read_columns(tmp_path / "plain.txt", ["0"]).values[6, 0] == 6
    assert read_columns(tmp_path / "plain.txt").names == ("column 1",)  # The other one counts.
    (tmp_path / "named.csv").write_text("day,#sold\n1,5 # a sale\n # none\n2,3\n3,9\n")
    assert read_columns(tmp_path / "named.csv", ["#sold"]).values[:, 0].tolist() == [5, 3, 9]
    source = Source.of(tmp_path / "table.csv")
    config = Config(data=source, columns="b", target="a", run_up=3, washout=5)
    data = load(source, config)
    assert (data.columns, data.targets, data.continues) == (("b",), ("a",), False)
    assert [len(part) for part in (data.train, data.valid.part, data.test.part)] == [28, 6, 6]
    assert data.understood[2:] == (
        Fact("columns", "b"),
        Fact("target", "a"),
        Fact("left aside", "day (see --columns)"),
        Fact("table", "table.csv: 40 rows below a header, 3 columns, separated by commas"),
        Fact("first values", "b: 0, -10, -20, -30, -40, ..."),
    )
    source = Source.of(tmp_path / "two.npy")
    data = load(source, Config(data=source, target="1", washout=5))
    assert (data.columns, data.targets) == (("column 0",), ("column 1",))


def test_columns_count_from_0_or_as_an_earlier_version_did(tmp_path) -> None:
    np.save(tmp_path / "two.npy", np.arange(80).reshape(40, 2))
    (tmp_path / "table.csv").write_text(TABLE)
    for first in (0, 1):
        read = read_columns(tmp_path / "two.npy", [str(1 + first)], first)
        assert read.names == ("column 1",) and read.others == ["column 0"]
        np.testing.assert_array_equal(read.values[:3, 0], [1, 3, 5])
        assert read_columns(tmp_path / "table.csv", [str(2 + first)], first).names == ("b",)
    with pytest.raises(DataError, match="has no column '2'; expected some of column 0, column 1"):
        read_columns(tmp_path / "two.npy", ["2"])
    with pytest.raises(DataError, match="has no column '0'; expected some of column 0, column 1"):
        read_columns(tmp_path / "two.npy", ["0"], 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "x,y\n" + "1,2\n" * 9 + "3\n" * 4, ":11: expected 2 columns, found 1"),
        ("a.csv", "x,y\n1,2\n\n3,?\n", ":4: expected a number in column 'y' at every step"),
        ("a.csv", "x,y\n1,2\n3,nan\n", "column 'y' at every step, found 'nan'"),
        ("a.csv", "# x\nx,x\n1,2\n", ":2: two columns are named 'x'"),
        ("a.csv", "x,y\n1,2\n3,4\n5,z\n", ":4: expected a number in column 'y'"),
        ("a.csv", "id,x\n7,a\n9,b\n", "but 'id' is an id by its name, 'x' holds text; --columns"),
        (
            "a.csv",
            "day,x\n2020-01-01,1\n2020-01-03,2\n2020-01-02,4\n",
            ":4: expected rows in the order of time, but column 'day' goes back to '2020-01-02'",
        ),
        ("a.txt", "\n\n", "holds no values"),
        ("a.csv", "x,y\n", "holds a header and no values"),
        ("a.npy", "no array", "expected an npy or npz file of numbers, found a damaged one"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as error:
        read_columns(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name)) and message in str(error.value)


def test_other_mistakes(tmp_path) -> None:
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "gap.npy", np.array([1.0, 2.0, np.nan]))
    np.save(tmp_path / "empty.npy", np.zeros((0, 2)))
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "one.csv").write_text("a\n1\n2\n")
    with pytest.raises(DataError, match=r"found float64 \(2, 2, 2\)"):
        read_columns(tmp_path / "cube.npy")
    with pytest.raises(DataError, match=r"gap.npy:3: expected a number in column 'column 0' at"):
        read_columns(tmp_path / "gap.npy")
    with pytest.raises(DataError, match=r"empty.npy: holds no values"):
        read_columns(tmp_path / "empty.npy")
    with pytest.raises(DataError, match="has no column 'c'; expected some of day, a, b"):
        read_columns(tmp_path / "table.csv", ["c"])
    with pytest.raises(DataError, match=r":2: expected a number in column 'day' .*'1980-05'"):
        read_columns(tmp_path / "table.csv", ["day"])
    np.savez(tmp_path / "two.npz", a=np.arange(3), b=np.arange(3))
    with pytest.raises(DataError, match=r"two.npz: expected one array, found a, b"):
        read_columns(tmp_path / "two.npz")
    with pytest.raises(DataError, match="is a folder"):
        load(Source.of(tmp_path), Config(data=Source.of(tmp_path)))
    for text, message in (
        ("tfds:x", "--data tfds:x: expected embedded or the path of a file"),
        ("embedded:x", "--data embedded:x: no such embedded data; expected embedded"),
        (str(tmp_path / "none.csv"), "none.csv: no such file or folder"),
    ):
        with pytest.raises(UserError, match=message):
            load(Source.parse(text), Config())
    source = Source.of(tmp_path / "table.csv")
    config = Config(data=source, columns="a", target="b", train_steps=35, held_out=10)
    with pytest.raises(UserError, match="40 steps are too few for 35 to train on and 10 each"):
        load(source, config)
    with pytest.raises(UserError, match="has no column besides the target 'a'"):
        load(Source.of(tmp_path / "one.csv"), Config(data=source, target="a"))


def test_what_measures_nothing_is_left_aside(tmp_path) -> None:
    rows = "".join(f"{i};2020-01-{i + 1:02} 00:00;x{i};{i * i},5;{i};\n" for i in range(20))
    (tmp_path / "a.csv").write_text("Unnamed: 0;when;note;v;station_id;\n" + rows)
    read = read_columns(tmp_path / "a.csv")
    assert read.names == ("v",) and read.values[3, 0] == 9.5
    (aside,) = [fact.text for fact in read.facts if fact.topic == "left aside"]
    assert aside == (
        "Unnamed: 0 (has no name and numbers the rows), when (holds time stamps), note (holds "
        "text), station_id (is an id by its name), column 5 (is empty)"
    )
    assert Fact("numbers", "decimal comma") in read.facts
    assert read_columns(tmp_path / "a.csv", ["station_id"]).names == ("station_id",)
    (tmp_path / "c.txt").write_text("".join(f"{i / 50:.2f} {i * i}\n" for i in range(40)))
    read = read_columns(tmp_path / "c.txt")
    assert read.names == ("column 1",) and "as numbers of rows and times do" in str(read.facts)
    (tmp_path / "b.csv").write_text("when,v\n2020-01-01,1.5\n2020-01-02,1\n2020-01-05,3\n")
    (uneven,) = [fact.text for fact in read_columns(tmp_path / "b.csv").facts if "time" in fact]
    assert uneven == "steps have 2 lengths by column 'when', and are taken as even"


def test_a_column_that_never_changes(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n" + "".join(f"{i * i},3\n" for i in range(40)))
    source = Source.of(tmp_path / "a.csv")
    with pytest.raises(DataError, match="column 'b' is 3 at every step; .*--columns"):
        load(source, Config(data=source, columns="a,b"))
    data = load(source, Config(data=source, washout=5))
    assert data.columns == ("a",)
    assert Fact("left aside", "b (is 3 in every row)") in data.understood


def test_files_are_the_parts(tmp_path) -> None:
    for name, first, end in (("a", 0, 60), ("b", 60, 75), ("c", 75, 100)):
        np.savetxt(tmp_path / f"{name}.txt", np.sin(np.arange(first, end)))
    files = {name: [tmp_path / f"{name}.txt"] for name in "abc"}
    source = Source.of_parts({"train": files["a"], "valid": files["b"], "test": files["c"]})
    options = {"washout": 5, "run_up": 3, "run_steps": 4, "horizon": 2}
    data = load(source, Config(data=source, **options))
    parts = (data.train, data.valid.part, data.test.part)
    assert [len(part) for part in parts] == [60, 15, 24]
    whole = np.concatenate([part.inputs[part.lead :, 0] for part in parts])
    np.testing.assert_allclose(whole, np.sin(np.arange(99)))
    source = Source.of_parts({"train": files["a"], "test": files["c"]})
    data = load(source, Config(data=source, held_out=10, **options))
    assert [len(p) for p in (data.train, data.valid.part, data.test.part)] == [50, 10, 24]
    with pytest.raises(UserError, match="--valid needs --test FILE"):
        load(Source.of_parts({"train": files["a"], "valid": files["b"]}), Config(**options))
    with pytest.raises(UserError, match="--train-steps has no effect with --test FILE"):
        Config(data=source, train_steps=9)


def test_a_washout_longer_than_the_training_part() -> None:
    with pytest.raises(UserError, match="--washout must be below the 90 steps"):
        load(EMBEDDED, Config(train_steps=90, held_out=1200))


def test_free_runs_longer_than_the_part() -> None:
    with pytest.raises(UserError, match="--run-steps 2000 is too many for the 400 steps"):
        load(EMBEDDED, Config(held_out=400))


def test_a_network_is_evaluated_on_the_columns_it_knows(tmp_path) -> None:
    path = tmp_path / "a.csv"
    rows = np.random.default_rng(0).random((400, 2))
    path.write_text("other,mine\n" + "".join(f"{a:.6f},{b:.6f}\n" for a, b in rows))
    source = Source.of(path)
    data = load(source, Config(data=source), columns=["mine"])
    assert data.columns == ("mine",)
    np.testing.assert_allclose(data.test.part.inputs[-1], [rows[-2, 1]], atol=1e-6)
    assert Fact("left aside", "other (see --columns)") in data.understood
    with pytest.raises(DataError, match="expected a column 'theirs'|no column 'theirs'"):
        load(source, Config(data=source), columns=["theirs"])
