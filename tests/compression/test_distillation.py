"""Distillation: the loss against its definition and its limits; training with it is fit, and nothing is left behind."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnopt_utils._commands import has_tensorflow
from nnopt_utils._validation import core
from nnopt_utils.activations import softmax
from nnopt_utils.compression import CompressedMLP, Masked, distill, distillation_loss, teacher_logits
from nnopt_utils.datasets import Dataset, two_moons
from nnopt_utils.gradients import check_gradient
from nnopt_utils.losses import softmax_cross_entropy
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.second_order import KFAC
from nnopt_utils.training import DivergenceError, fit

N, K = 60, 4


@pytest.fixture
def batch():
    generator = np.random.default_rng(0)
    return 3 * generator.normal(size=(N, K)), generator.integers(K, size=N), 5 * generator.normal(size=(N, K))


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(N, 5))
    return x, x[:, :K].argmax(axis=1)


def student(dtype="float64", **options):
    return MLP([5, 6, K], activation="tanh", seed=1, dtype=dtype, **options)


def teacher(seed=7):
    return MLP([5, 30, 9, K], seed=seed, dtype="float64")


def pruned(network):
    return CompressedMLP(network, {"weights[0]": Masked(np.random.default_rng(2).random((5, 6)) < 0.5)})


def soft_gradient(z, v, temperature, squared=True):
    """Of the soft term alone; without T² if asked."""
    gradient = distillation_loss(z, np.zeros(len(z), int), v, temperature, weight=1.0)[1]
    return gradient if squared else gradient / temperature**2


class TestLoss:
    @pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
    @pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
    def test_value_is_the_definition(self, batch, temperature, weight):
        z, y, v = batch
        hard = -np.log(softmax(z)[np.arange(N), y]).mean()
        soft = -(softmax(v / temperature) * np.log(softmax(z / temperature))).sum(axis=1).mean()
        value = distillation_loss(z, y, v, temperature, weight)[0]
        assert value == pytest.approx((1 - weight) * hard + weight * temperature**2 * soft, rel=1e-12)

    @pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
    @pytest.mark.parametrize("probabilities", [False, True])
    def test_gradient_by_central_differences(self, batch, temperature, probabilities):
        z, y, v = batch
        y = softmax(np.random.default_rng(1).normal(size=(N, K))) if probabilities else y
        loss = lambda flat: distillation_loss(flat.reshape(N, K), y, v, temperature, 0.7)[0]  # noqa: E731
        gradient = lambda flat: distillation_loss(flat.reshape(N, K), y, v, temperature, 0.7)[1].ravel()  # noqa: E731
        assert check_gradient(loss, gradient, z.ravel())

    def test_without_a_teacher_it_is_the_cross_entropy(self, batch):
        z, y, v = batch
        value, gradient = distillation_loss(z, y, v, weight=0.0)
        expected = softmax_cross_entropy(z, y)
        assert value == expected[0] and np.array_equal(gradient, expected[1])

    def test_gradient_is_zero_where_the_student_is_the_teacher_up_to_a_constant(self, batch):
        z = batch[0]
        assert abs(soft_gradient(z, z + np.arange(N)[:, None], 3.0)).max() < 1e-14

    def test_soft_gradient_falls_like_one_over_the_square(self, batch):
        z, _, v = batch
        for T in (200.0, 1000.0):
            with_square, without = ([abs(soft_gradient(z, v, t, s)).sum() for t in (T, 2 * T)] for s in (True, False))
            assert without[0] / without[1] == pytest.approx(4, rel=0.02)
            assert with_square[0] / with_square[1] == pytest.approx(1, rel=0.02)
            norms = [np.linalg.norm(soft_gradient(z, v, t, squared=False)) * t**2 for t in (T, 8 * T)]
            assert norms[0] == pytest.approx(norms[1], rel=0.02)
        # The law is one of high temperatures: from 1 to 2 it does not hold.
        assert abs(soft_gradient(z, v, 1, False)).sum() / abs(soft_gradient(z, v, 2, False)).sum() < 3

    def test_limit_of_high_temperature_is_half_the_squared_difference_of_centred_logits(self, batch):
        z, _, v = batch
        centred = (z - z.mean(axis=1, keepdims=True)) - (v - v.mean(axis=1, keepdims=True))

        def off(temperature):
            limit = centred / (N * K)  # the gradient of ‖centred‖² / (2 n K); centring is a projection
            return np.linalg.norm(soft_gradient(z, v, temperature) - limit) / np.linalg.norm(limit)

        assert off(1000) < 0.01
        assert off(1000) / off(2000) == pytest.approx(2, rel=0.02)  # the next term of the series is of order 1/T

    @given(
        arrays.arrays(np.float32, (3, K), elements=st.floats(-1e4, 1e4, width=32)),
        arrays.arrays(np.float32, (3, K), elements=st.floats(-1e4, 1e4, width=32)),
        st.floats(0.01, 1000),
        st.floats(0, 1),
    )
    @settings(max_examples=50, deadline=None)
    def test_large_logits_and_any_temperature(self, z, v, temperature, weight):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            value, gradient = distillation_loss(z, [0, 1, 2], v, temperature, weight)
        assert np.isfinite(value) and value >= 0 and np.isfinite(gradient).all() and gradient.dtype == np.float32
        # Probabilities sum to 1 in both: a row sums to 0 but for rounding.
        assert abs(gradient.sum(axis=1)).max() <= 1e-5 * max(1, temperature)

    def test_arguments_are_left_alone(self, batch):
        before = copy.deepcopy(batch)
        distillation_loss(*batch)
        assert all(np.array_equal(a, b) for a, b in zip(before, batch, strict=True))
        assert core(distillation_loss)(*batch)[0] == distillation_loss(*batch)[0]
        assert (
            distillation_loss(labels=batch[1], logits=batch[0], teacher_logits=batch[2])[0]
            == (distillation_loss(*batch, 4.0, 0.9)[0])
        )

    def test_bad_arguments(self, batch):
        z, y, v = batch
        for given_, message in [
            ((z, y, v[:-1]), r"teacher_logits: got .*\(59, 4\); expected shape \(60, 4\)"),
            ((z, y, v[:, :3]), "teacher_logits: "),
            ((z, y, v * np.nan), "teacher_logits: got .* NaN"),
            ((z, y[:-1], v), "targets: got 59 labels"),
            ((z, y + 1, v), "targets: got values from 1 to 4"),
            ((z, y, v, 0.0), "temperature: got 0.0; expected a finite number > 0"),
            ((z, y, v, 1.0, 1.5), "weight: got 1.5; expected a finite number >= 0 and <= 1"),
            ((z[:, :1], 0 * y, v[:, :1]), "at least 2 classes"),
            ((z[0], y[:1], v[0]), "logits: got .* expected 2 dimensions"),
        ]:
            with pytest.raises(ValueError, match=message):
                distillation_loss(*given_)

    @pytest.mark.slow
    @pytest.mark.skipif(not has_tensorflow(), reason="needs TensorFlow")
    def test_keras_has_the_same_soft_term_if_it_is_asked_for(self, batch):
        """As a divergence, which differs by the teacher's entropy. Its default compares logits, as of 3.15.1."""
        keras = pytest.importorskip("keras")
        distillation = pytest.importorskip("keras.distillation")
        z, _, v = (np.asarray(part, np.float32) for part in batch)
        q = softmax(v / 4.0)
        ours = distillation_loss(z, np.zeros(N, int), v, 4.0, 1.0)[0] + 16 * float((q * np.log(q)).sum(axis=1).mean())
        asked = distillation.LogitsDistillation(temperature=4.0, loss=keras.losses.KLDivergence())
        assert float(asked.compute_loss(v, z)) == pytest.approx(ours, rel=1e-3)
        if keras.__version__ == "3.15.1":
            default = distillation.LogitsDistillation(temperature=4.0)
            of_logits = keras.losses.kl_divergence(v / 4.0, z / 4.0)
            assert float(default.compute_loss(v, z)) == pytest.approx(float(keras.ops.mean(of_logits)), rel=1e-6)
            assert float(default.compute_loss(v, z)) != pytest.approx(ours, rel=0.1)


class TestTeacher:
    def test_several_are_their_geometric_mean(self, data):
        teachers = [teacher(seed) for seed in (1, 2, 3)]
        mean = softmax(teacher_logits(teachers, data[0]) / 3.0)
        geometric = np.prod([softmax(t.forward(data[0]) / 3.0) for t in teachers], axis=0) ** (1 / 3)
        np.testing.assert_allclose(mean, geometric / geometric.sum(axis=1, keepdims=True), rtol=1e-12)

    def test_in_pieces_it_is_the_same(self):
        x = np.random.default_rng(0).normal(size=(8200, 5))
        np.testing.assert_allclose(teacher_logits(teacher(), x), teacher().forward(x), rtol=1e-12)

    @pytest.mark.parametrize("kind", ["network", "list", "compressed"])
    def test_every_kind_is_as_good_as_its_logits(self, data, kind):
        network = teacher()
        asked = {"network": network, "list": [network], "compressed": CompressedMLP(network)}[kind]
        runs = []
        for given_ in (asked, teacher_logits(network, data[0])):
            net = student()
            distill(net, given_, SGD(0.1), data, epochs=3, batch_size=16, progress=False)
            runs.append(net.parameters.copy())
        assert np.array_equal(*runs)
        assert np.array_equal(network.parameters, teacher().parameters)


class TestTraining:
    def test_steps_are_those_of_the_loss(self, data):
        """By hand: one full-batch step is θ − η ∂J/∂θ, J from the outputs alone, by central differences."""
        net, v = student(l2=0.1), teacher().forward(data[0])
        start = net.parameters.copy()

        def objective(theta):
            net.parameters = theta
            W = net.weights
            soft = distillation_loss(net.forward(data[0]), data[1], v, 3.0, 0.6)[0]
            value = soft + 0.05 * sum(float((w**2).sum()) for w in W)
            net.parameters = start
            return value

        step = 1e-6
        by_differences = np.array(
            [(objective(start + step * e) - objective(start - step * e)) / (2 * step) for e in np.eye(start.size)]
        )
        history = distill(net, v, SGD(0.5), data, 3.0, 0.6, epochs=1, batch_size=N, progress=False)
        np.testing.assert_allclose((start - net.parameters) / 0.5, by_differences, atol=1e-7)
        taken = net.parameters.copy()
        assert history.step_losses[0] == pytest.approx(objective(start), rel=1e-12)
        assert not np.array_equal(taken, start)

    @pytest.mark.parametrize("of", [lambda net: net, pruned], ids=["plain", "pruned"])
    def test_without_weight_it_is_fit(self, data, of):
        ours, theirs = of(student()), of(student())
        distill(ours, teacher(), Adam(), (*data, *data), weight=0.0, epochs=3, batch_size=16, seed=5, progress=False)
        fit(theirs, Adam(), (*data, *data), epochs=3, batch_size=16, seed=5, progress=False)
        np.testing.assert_allclose(ours.parameters, theirs.parameters, rtol=1e-12)

    @pytest.mark.parametrize("of", [lambda net: net, pruned], ids=["plain", "pruned"])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_student_comes_near_its_teacher(self, data, of, dtype):
        net, big = of(student(dtype)), teacher()
        wrong = np.zeros(N, int)  # labels that teach nothing

        def off():
            return np.abs(softmax(net.forward(data[0])) - softmax(big.forward(data[0]))).mean()

        before = off()
        distill(net, big, Adam(0.01), (data[0], wrong), 2.0, 1.0, epochs=100, batch_size=16, progress=False)
        assert off() < 0.4 * before

    def test_zeros_of_a_mask_stay(self, data):
        net = pruned(student())
        distill(net, teacher(), Adam(0.01), data, epochs=3, batch_size=16, progress=False)
        assert (net.weights[0][~net.forms["weights[0]"].kept] == 0).all()

    @pytest.mark.parametrize("of", [lambda net: net, pruned], ids=["plain", "pruned"])
    def test_validation_is_by_the_students_own_loss(self, data, of):
        net = of(student())
        history = distill(net, teacher(), SGD(0.1), (*data, *data), epochs=2, batch_size=16, progress=False)
        judged = net.evaluate(*data)
        assert (history.val_loss[-1], history.val_accuracy[-1]) == pytest.approx((judged.loss, judged.accuracy))

    def test_a_dataset_is_judged_on_its_validation_set(self):
        x, y = two_moons(60, seed=0)
        data, net = Dataset(x[:40], y[:40], x[40:50], y[40:50], x[50:], y[50:]), MLP([2, 8, 2], seed=0)
        history = distill(net, MLP([2, 20, 2], seed=1), SGD(0.1), data, epochs=2, batch_size=10, progress=False)
        assert history.val_loss[-1] == pytest.approx(net.evaluate(data.x_val, data.y_val).loss)

    def test_rows_of_probabilities_as_labels(self, data):
        one_hot = np.eye(K)[data[1]]
        nets = [student(), student()]
        for net, labels in zip(nets, (data[1], one_hot), strict=True):
            distill(net, teacher(), SGD(0.1), (data[0], labels), epochs=2, batch_size=16, progress=False)
        np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-9)

    def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(self, data):
        run = partial(distill, teacher=teacher(), data=data, epochs=4, batch_size=16, progress=False)
        whole, parted, optimizer = student(), student(), Adam()
        run(whole, optimizer=Adam())
        history = run(parted, optimizer=optimizer, callback=lambda step: step.t == 6)
        assert history.interrupted and len(history.step_losses) == 6
        run(parted, optimizer=optimizer, history=history)
        assert np.array_equal(whole.parameters, parted.parameters)
        own = parted.loss(*data)
        assert own == softmax_cross_entropy(parted.forward(data[0]), data[1])[0]

    def test_a_diverged_run_leaves_the_students_loss(self, data):
        net = MLP([5, 6, K], "relu", seed=1)
        own = net.loss_function
        with pytest.raises(DivergenceError) as caught:
            distill(net, teacher(), SGD(1e30), data, epochs=5, batch_size=16, progress=False)
        assert caught.value.history.step_losses and net.loss_function is own
        assert abs(net.parameters).max() > 1e20

    def test_callbacks_see_the_student_and_its_own_loss(self, data):
        net, seen = student(), []

        def look(step):
            assert step.network is net
            twin = pickle.loads(pickle.dumps(step.network))
            judged = step.network.evaluate(*data)
            assert judged == twin.evaluate(*data) == step.network.copy().evaluate(*data)
            assert step.network.loss_and_gradient(*data)[0] == twin.loss_and_gradient(*data)[0]
            seen.append(judged.loss)

        distill(net, teacher(), SGD(0.1), data, epochs=1, batch_size=16, callback=look, progress=False)
        assert len(seen) == 4

    def test_curvature_is_that_of_the_loss(self, data):
        """Optimizers that ask for products with curvature get those of the distillation loss."""
        net, v = student(), teacher().forward(data[0])
        vector, found = np.random.default_rng(4).normal(size=net.n_parameters), []

        class Asking(SGD):
            def observe(self, network, x, y):
                found.append(network.hessian_operator(x, y)(vector))
                found.append([network.backpropagate(x, y, network.parameters + s * 1e-5 * vector)[1] for s in (1, -1)])

        distill(net, v, Asking(0.1), data, 3.0, 0.6, epochs=1, batch_size=N, progress=False)
        product, (after, before) = found
        np.testing.assert_allclose(product, (after - before) / 2e-5, rtol=1e-5, atol=1e-8)

    @pytest.mark.parametrize("rule", [KFAC], ids=["K-FAC"])
    def test_second_order_rules_run(self, data, rule):
        net = student()
        history = distill(net, teacher(), rule(), data, epochs=3, batch_size=20, progress=False)
        assert history.step_losses[-1] < history.step_losses[0]


class TestRefused:
    def test_bad_arguments_change_nothing(self, data):
        net = student()
        before, own, run = net.parameters.copy(), net.loss_function, partial(distill, progress=False)
        regression = MLP([5, 3, K], loss="mse")
        for arguments, kind, message in [
            (("net", teacher(), SGD(0.1), data), TypeError, "network: got 'net'; expected an MLP"),
            ((net, "teacher", SGD(0.1), data), TypeError, "teacher: got 'teacher'; expected an MLP, several, or an"),
            ((net, [], SGD(0.1), data), ValueError, "teacher: .* none; expected one or more"),
            ((net, regression, SGD(0.1), data), ValueError, "teacher: got a network with loss 'mse'"),
            ((regression, teacher(), SGD(0.1), data), ValueError, "student: got a network with loss 'mse'"),
            ((net, MLP([5, 3]), SGD(0.1), data), ValueError, "teacher: got 5 inputs and 3 classes; expected 5 and 4"),
            ((net, [teacher(), MLP([5, 3])], SGD(0.1), data), ValueError, "5 → 3, 5 → 4; expected one or more"),
            ((net, np.zeros((3, K)), SGD(0.1), data), ValueError, r"teacher: .*expected shape \(60, 4\)"),
            ((net, np.full((N, K), np.inf), SGD(0.1), data), ValueError, "teacher: .* infinite"),
            ((net, teacher(), SGD(0.1), data, -1.0), ValueError, "temperature: got -1.0"),
            ((net, teacher(), SGD(0.1), data, 4.0, 2.0), ValueError, "weight: got 2.0"),
            ((net, teacher(), SGD(0.1), data, 4.0, 0.9, 0), ValueError, "epochs: got 0"),
            ((net, teacher(), SGD(0.1), data[0]), TypeError, "data: "),
        ]:
            with pytest.raises(kind, match=message):
                run(*arguments)
            assert np.array_equal(net.parameters, before) and net.loss_function is own

    def test_names_of_other_libraries(self, data):
        with pytest.raises(TypeError, match=r"alpha: got 0\.1.*did you mean weight, which is the teacher's share"):
            distill(student(), teacher(), SGD(0.1), data, alpha=0.1)

    def test_a_teacher_with_infinite_logits(self, data):
        broken = teacher()
        broken.biases[-1][:] = np.nan
        with pytest.raises(ValueError, match=r"logits of the teacher: .* NaN"):
            distill(student(), broken, SGD(0.1), data, progress=False)
