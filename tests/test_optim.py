import copy
import math

import numpy as np
import pytest
from helpers import complains
from hypothesis import given
from hypothesis import strategies as st

from minivae.optim import SGD, Adam
from minivae.schedules import linear_warmup

OPTIMIZERS = [lambda: SGD(0.1, momentum=0.9), Adam]


def test_adams_first_three_steps_worked_by_hand():
    """With lr 0.1, beta1 0.9, beta2 0.99 and a large eps of 0.5, gradients 2, -1, 0.5:

    t   m                          v                              m̂            v̂
    1   0.1·2            = 0.2     0.01·4              = 0.04     2            4
    2   0.9·0.2 - 0.1    = 0.08    0.99·0.04 + 0.01    = 0.0496   0.08/0.19    0.0496/0.0199
    3   0.9·0.08 + 0.05  = 0.122   0.99·0.0496 + 0.0025 = 0.051604
                                                       0.122/0.271  0.051604/0.029701

    and each step is 0.1·m̂ / (√v̂ + 0.5): eps is outside the root.
    """
    steps = [
        0.1 * 2 / (2 + 0.5),
        0.1 * (0.08 / 0.19) / (math.sqrt(0.0496 / 0.0199) + 0.5),
        0.1 * (0.122 / 0.271) / (math.sqrt(0.051604 / 0.029701) + 0.5),
    ]
    np.testing.assert_allclose(steps, [0.08, 0.020255055, 0.024760940], rtol=1e-6)
    adam, theta = Adam(0.1, 0.9, 0.99, eps=0.5), np.array([1.0])
    expected = 1.0
    for t, (grad, change) in enumerate(zip([2.0, -1.0, 0.5], steps, strict=True), start=1):
        adam.step(theta, np.array([grad]))
        expected -= change
        assert theta[0] == pytest.approx(expected, rel=1e-13), f"after step {t}"


def test_adams_default_first_step_is_the_learning_rate():
    theta = np.zeros(4)
    Adam().step(theta, np.array([1e-3, -5.0, 1e6, 0.0]))
    np.testing.assert_allclose(theta, [-1e-3, 1e-3, -1e-3, 0], rtol=2e-5)


def test_momentum_worked_by_hand():
    sgd, theta = SGD(0.1, momentum=0.5), np.array([1.0, 0.0])
    path = []
    for grad in ([2.0, 1.0], [-1.0, 1.0], [0.0, 1.0]):
        sgd.step(theta, np.array(grad))
        path.append(theta.copy())
    # v = 2, 0, 0 and 1, 1.5, 1.75
    np.testing.assert_allclose(path, [[0.8, -0.1], [0.8, -0.25], [0.8, -0.425]], rtol=1e-13)


def test_plain_sgd_remembers_nothing():
    sgd, theta = SGD(0.5), np.array([1.0])
    for expected in (0.0, -1.0):
        sgd.step(theta, np.array([2.0]))
        assert theta[0] == expected


@given(
    size=st.integers(1, 40),
    block=st.integers(1, 12),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0, 0.999),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_do_not_show(size, block, beta1, beta2, seed):
    rng = np.random.default_rng(seed)
    adam = Adam(0.1, beta1, beta2)
    adam.BLOCK = block
    theta = rng.standard_normal(size)
    expected, m, v = theta.copy(), 0.0, 0.0
    for t in range(1, 4):
        grad = rng.standard_normal(size)
        kept = grad.copy()
        adam.step(theta, grad)
        np.testing.assert_array_equal(grad, kept, err_msg="the gradient was changed")
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        expected -= 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)
        np.testing.assert_allclose(theta, expected, rtol=1e-11, atol=1e-12)


def test_a_theta_longer_than_a_block(rng):
    size = Adam.BLOCK + 7
    theta, grad = np.zeros(size), np.tile([1.0, -3.0], size)[:size]
    Adam().step(theta, grad)
    np.testing.assert_allclose(theta, -1e-3 * np.sign(grad), rtol=1e-7)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_going_on_from_a_state_gives_the_same_bits(make, rng):
    grads = rng.standard_normal((6, 10))
    one, theta = make(), np.zeros(10)
    for grad in grads[:3]:
        one.step(theta, grad)
    state, middle = one.state(), theta.copy()
    untouched = copy.deepcopy(state)
    for grad in grads[3:]:
        one.step(theta, grad)
    two = make()
    two.load_state(state)
    for grad in grads[3:]:
        two.step(middle, grad)
    np.testing.assert_array_equal(middle, theta)
    # neither optimizer went on writing into the state
    assert state["t"] == 3
    np.testing.assert_equal(state, untouched)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_state_from_before_the_first_step(make):
    fresh = make()
    assert fresh.state() == {"t": 0}
    used = make()
    used.step(np.zeros(2), np.ones(2))
    used.load_state(fresh.state())
    theta, other = np.zeros(3), np.zeros(3)
    used.step(theta, np.ones(3))
    make().step(other, np.ones(3))
    np.testing.assert_array_equal(theta, other)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_schedules_count_from_zero(make):
    seen = []
    optimizer = make(lr=lambda step: seen.append(step) or 0.5)
    constant, theta, other = make(lr=0.5), np.zeros(2), np.zeros(2)
    for _ in range(3):
        optimizer.step(theta, np.ones(2))
        constant.step(other, np.ones(2))
    assert seen == [0, 1, 2]
    np.testing.assert_array_equal(theta, other)
    warm, theta = make(lr=linear_warmup(0.5, 2)), np.zeros(2)
    warm.step(theta, np.ones(2))
    assert not theta.any()


@pytest.mark.parametrize("make", [SGD, Adam])
def test_float32_stays_float32(make):
    lrs = [0.1, np.float64(0.1), lambda step: np.float64(0.1)]
    results = []
    for lr in lrs:
        optimizer, theta = make(lr=lr), np.ones(5, np.float32)
        for _ in range(3):
            optimizer.step(theta, np.arange(5, dtype=np.float32))
        results.append(theta)
        assert theta.dtype == np.float32
        assert {getattr(optimizer, name).dtype.name for name in optimizer.memory} == {
            "float32"
        }
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("make", [lambda: SGD(0.2, 0.5), lambda: Adam(0.2)])
def test_a_bowl_is_descended(make):
    optimizer, theta = make(), np.array([3.0, -2.0])
    for _ in range(300):
        optimizer.step(theta, theta - 1)
    np.testing.assert_allclose(theta, 1, atol=1e-3)


def test_bad_arguments_are_named():
    for make in (SGD, Adam):
        for lr in (0, -1.0, np.nan):
            with complains(ValueError, "lr: expected", str(lr)):
                make(lr=lr)
        with complains(TypeError, "lr: expected a real number", "'fast'"):
            make(lr="fast")
        for value in (None, "x"):
            with complains(TypeError, "lr: expected a real number", repr(value)):
                make(lr=lambda step, value=value: value).step(np.zeros(1), np.ones(1))
        with complains(ValueError, "lr: expected a finite number", "nan"):
            make(lr=lambda step: math.nan).step(np.zeros(1), np.ones(1))
    for name, value in [("momentum", 1.0), ("momentum", -0.1)]:
        with complains(ValueError, f"{name}: expected", str(value)):
            SGD(**{name: value})
    for name, value in [("beta1", 1.0), ("beta2", 1.5), ("beta1", -0.1), ("eps", 0.0)]:
        with complains(ValueError, f"{name}: expected", str(value)):
            Adam(**{name: value})


@pytest.mark.parametrize("make", [SGD, Adam])
def test_vectors_of_another_length_are_refused(make):
    optimizer = make()
    with complains(ValueError, "grad: expected shape (3,)", "(1,)"):
        optimizer.step(np.zeros(3), np.ones(1))
    optimizer.step(np.zeros(3), np.ones(3))
    with complains(ValueError, "theta: expected shape (3,)", "(4,)"):
        optimizer.step(np.zeros(4), np.ones(4))


def test_a_state_of_another_optimizer_is_refused():
    sgd, adam = SGD(), Adam()
    for optimizer in (sgd, adam):
        optimizer.step(np.zeros(3), np.ones(3))
    with complains(ValueError, "state: expected", "['m', 't', 'v']", "['t', 'v']"):
        Adam().load_state(sgd.state())
    with complains(ValueError, "state: expected", "['t', 'v']", "['m', 't', 'v']"):
        SGD().load_state(adam.state())
    with complains(ValueError, "state: expected ['t']", "got []"):
        Adam().load_state({})


def test_vectors_of_two_lengths_are_no_state():
    adam = Adam()
    with pytest.raises(ValueError, match=r"state: \w: expected shape"):
        adam.load_state({"t": 1, "m": np.zeros(3), "v": np.zeros(4)})
    assert adam.t == 0, "nothing is taken from a state that does not fit"
