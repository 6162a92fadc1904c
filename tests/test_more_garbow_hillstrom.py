"""The 35 test problems of Moré, Garbow and Hillstrom: derivatives, starts, minima, and that methods get there."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from more_garbow_hillstrom_values import PROBLEMS, STANDARD, is_reached
from numpy.testing import assert_allclose, assert_array_equal

from nnopt_utils import problems
from nnopt_utils.gradients import central_difference
from nnopt_utils.problems import (
    MORE_GARBOW_HILLSTROM,
    Bard,
    BiggsEXP6,
    Box3D,
    BrownAlmostLinear,
    BrownDennis,
    BroydenBanded,
    BroydenTridiagonal,
    Chebyquad,
    DiscreteBoundaryValue,
    DiscreteIntegral,
    ExtendedPowellSingular,
    ExtendedRosenbrock,
    FreudensteinRoth,
    GaussianFit,
    Gulf,
    HelicalValley,
    JennrichSampson,
    KowalikOsborne,
    LeastSquares,
    LinearFullRank,
    LinearRankOne,
    LinearRankOneZero,
    Meyer,
    Osborne1,
    Osborne2,
    Penalty1,
    Penalty2,
    PowellBadlyScaled,
    PowellSingular,
    Rosenbrock,
    Trigonometric,
    VariablyDimensioned,
    Watson,
    Wood,
)

EPS = np.finfo(np.float64).eps
MORE = [Rosenbrock(a=2.0, b=5.0), BroydenBanded(1), DiscreteIntegral(1), ExtendedPowellSingular(8), Gulf(7)]
every_problem = pytest.mark.parametrize("problem", PROBLEMS + MORE, ids=repr)


def points(problem):
    """The standard start, and three around it: each entry moved by a third of its size, zeros by a third."""
    generator = np.random.default_rng(problem.dimension)
    size = np.where(problem.start == 0, 1.0, problem.start)
    return [problem.start, *(problem.start + size * generator.uniform(-1 / 3, 1 / 3, (3, problem.dimension)))]


def complex_step(function, theta):
    """The derivative of a vector by every entry of θ, one a column: Im f(θ + i h e) / h."""
    return np.array([function(theta + 1e-30j * e).imag / 1e-30 for e in np.eye(len(theta))]).T


def scaled_difference(function, theta):
    """The derivative by central differences, with a step for every entry that fits its size."""
    size = np.where(theta == 0, 1.0, np.abs(theta))
    return central_difference(lambda relative: function(size * relative), theta / size, h=1e-5) / size


class TestDerivatives:
    @every_problem
    def test_shapes(self, problem):
        theta = problem.start
        assert theta.shape == (problem.dimension,)
        r, R = problem.residuals(theta), problem.jacobian(theta)
        assert r.shape == (problem.n_residuals,) and R.shape == (problem.n_residuals, problem.dimension)
        assert r.dtype == R.dtype == np.float64

    @every_problem
    def test_jacobian_against_a_complex_step(self, problem):
        for theta in points(problem):
            expected = complex_step(problem._residuals, theta)
            assert_allclose(problem.jacobian(theta), expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())

    @every_problem
    def test_jacobian_against_differences(self, problem):
        for theta in points(problem):
            r, R = problem.residuals(theta), problem.jacobian(theta)
            for i in np.linspace(0, problem.n_residuals - 1, min(8, problem.n_residuals)).astype(int):
                expected = scaled_difference(lambda theta, i=i: problem.residuals(theta)[i], theta)
                size = np.where(theta == 0, 1.0, np.abs(theta))
                near = 1e-9 * np.abs(r).max() + 1e-6 * np.abs(R[i] * size).max()
                assert_allclose(R[i] * size, expected * size, rtol=1e-6, atol=near)

    @every_problem
    def test_value_and_gradient_are_those_of_the_residuals(self, problem):
        for theta in points(problem):
            r, R = problem.residuals(theta), problem.jacobian(theta)
            assert problem.value(theta) == pytest.approx(r @ r, rel=1e-12)
            assert_allclose(problem.gradient(theta), 2 * R.T @ r, rtol=1e-9, atol=1e-12 * np.abs(R.T @ r).max())

    @every_problem
    def test_hessian_against_differences_of_the_gradient(self, problem):
        for theta in points(problem):
            H, size = problem.hessian(theta), np.where(theta == 0, 1.0, np.abs(theta))
            assert_array_equal(H, H.T)
            h = 1e-5
            turned = [
                (problem.gradient(theta + h * s * e) - problem.gradient(theta - h * s * e)) / (2 * h)
                for s, e in zip(size, np.eye(len(theta)), strict=True)
            ]
            scaled, expected = H * np.outer(size, size), np.array(turned) * size
            rounding = 10 * EPS * np.abs(problem.gradient(theta) * size).max() / h
            assert_allclose(scaled, expected, rtol=1e-5, atol=1e-6 * np.abs(scaled).max() + rounding)

    @every_problem
    def test_products_against_the_hessian(self, problem):
        theta, v = points(problem)[1], np.random.default_rng(0).standard_normal(problem.dimension)
        H, R = problem.hessian(theta), problem.jacobian(theta)
        near = 1e-12 * np.abs(H).max()
        assert_allclose(problem.hessian_vector_product(theta, v), H @ v, rtol=1e-9, atol=near)
        assert_allclose(problem.gauss_newton_vector_product(theta, v), 2 * R.T @ R @ v, rtol=1e-9, atol=near)

    def test_branches(self):
        """Where residuals are written by cases: each side, and the axes of the helix."""
        helix = HelicalValley()
        for theta in ([0.3, 2, 1], [0.3, -2, 1], [-0.3, 2, 1], [-0.3, -2, 1], [0.0, 2, 1], [0.0, -2, 1], [-2, 0.1, 1]):
            expected = complex_step(helix._residuals, np.array(theta, dtype=float))
            assert_allclose(helix.jacobian(theta), expected, atol=1e-13)
        turns = [
            (helix.residuals([x, y, 0])[0] / -100) for x, y in ((1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (1, -1))
        ]
        assert_allclose(turns, [1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, -1 / 8])
        gulf = Gulf()
        theta = np.array([40.0, 33.3, 1.4])  # y - theta[1] has both signs
        assert_allclose(gulf.jacobian(theta), complex_step(gulf._residuals, theta), rtol=1e-11)

    def test_zeros_in_a_product(self):
        problem = BrownAlmostLinear(4)
        assert_array_equal(problem.jacobian([0.0, 2.0, 3.0, 4.0])[-1], [24, 0, 0, 0])
        assert_array_equal(problem.jacobian([0.0, 0.0, 3.0, 4.0])[-1], 0)

    def test_chebyshev_outside_the_interval(self):
        problem, x = Chebyquad(5), np.array([-0.3, 0.2, 0.5, 1.2, 1.4])
        polynomials = [np.polynomial.Chebyshev.basis(i)(2 * x - 1).mean() for i in range(1, 6)]
        assert_allclose(problem.residuals(x), np.array(polynomials) + np.array([0, 1 / 3, 0, 1 / 15, 0]), rtol=1e-13)

    def test_a_far_point_is_no_warning(self):
        assert np.isinf(JennrichSampson().value([1e4, 0.0]))


STARTS = {
    **{1: [-1.2, 1], 2: [0.5, -2], 3: [0, 1], 4: [1, 1], 5: [1, 1], 6: [0.3, 0.4], 7: [-1, 0, 0], 8: [1, 1, 1]},
    **{9: [0.4, 1, 0], 10: [0.02, 4000, 250], 11: [5, 2.5, 0.15], 12: [0, 10, 20], 13: [3, -1, 0, 1]},
    **{14: [-3, -1, -3, -1], 15: [0.25, 0.39, 0.415, 0.39], 16: [25, 5, -5, -1], 17: [0.5, 1.5, -1, 0.01, 0.02]},
    **{18: [1, 2, 1, 1, 1, 1], 19: [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], 20: 6 * [0]},
    **{21: 5 * [-1.2, 1], 22: 3 * [3, -1, 0, 1], 23: range(1, 11), 24: 10 * [0.5], 26: 10 * [0.1], 27: 10 * [0.5]},
    **{25: np.arange(9, -1, -1) / 10, 28: [-i * (11 - i) / 121 for i in range(1, 11)], 30: 10 * [-1], 31: 10 * [-1]},
    **{29: [-i * (11 - i) / 121 for i in range(1, 11)], 32: 5 * [1], 33: 5 * [1], 34: 5 * [1]},
    **{35: [i / 9 for i in range(1, 9)]},
}
# The paper's minima that are not zero, to the digits it prints.
PRINTED = [
    *((JennrichSampson(), "124.362"), (Bard(), "8.21487e-3"), (GaussianFit(), "1.12793e-8"), (Meyer(), "87.9458")),
    *((KowalikOsborne(), "3.07505e-4"), (BrownDennis(), "85822.2"), (Osborne1(), "5.46489e-5")),
    *((Osborne2(), "4.01377e-2"), (Watson(6), "2.28767e-3"), (Watson(9), "1.39976e-6"), (Watson(12), "4.72238e-10")),
    *((Penalty1(4), "2.24997e-5"), (Penalty1(10), "7.08765e-5"), (Penalty2(4), "9.37629e-6")),
    *((Penalty2(10), "2.93660e-4"), (Chebyquad(8), "3.51687e-3")),
]
OTHERS = [
    *((FreudensteinRoth(), "48.9842"), (Bard(), "17.4286"), (KowalikOsborne(), "1.02734e-3")),
    *((BiggsEXP6(), "5.65565e-3"), (Trigonometric(), "2.79506e-5"), (BrownAlmostLinear(), "1.00000")),
    *((Chebyquad(10), "6.50395e-3"),),
]


def in_last_digit(printed):
    """What one more in the last printed digit is worth: tables cut digits off or round them."""
    digits, _, power = printed.partition("e")
    return 10.0 ** (int(power or 0) - len(digits.partition(".")[2])) * 1.001


class TestMinima:
    def test_all_35(self):
        assert list(MORE_GARBOW_HILLSTROM) == list(range(1, 36))
        assert len({type(problem) for problem in MORE_GARBOW_HILLSTROM.values()}) == 35
        assert all(isinstance(problem, LeastSquares) for problem in MORE_GARBOW_HILLSTROM.values())
        assert all(getattr(problems, type(p).__name__) is type(p) for p in MORE_GARBOW_HILLSTROM.values())
        assert len({problem.name for problem in MORE_GARBOW_HILLSTROM.values()}) == 35

    @pytest.mark.parametrize("number", MORE_GARBOW_HILLSTROM)
    def test_standard_starts(self, number):
        assert_allclose(MORE_GARBOW_HILLSTROM[number].start, STARTS[number], rtol=1e-15)

    @every_problem
    def test_gradient_vanishes_at_the_minimum(self, problem):
        """To what rounding θ and the residuals leaves of it; and J is convex there."""
        theta = problem.minimum
        H, r, R = np.abs(problem.hessian(theta)), np.abs(problem.residuals(theta)), np.abs(problem.jacobian(theta))
        rounding = EPS * np.linalg.norm(H @ np.abs(theta) + 2 * R.T @ r)
        assert np.linalg.norm(problem.gradient(theta)) <= 2 * rounding
        scale = 1 / np.sqrt(np.where(np.diag(H) == 0, 1.0, np.diag(H)))
        assert np.linalg.eigvalsh(problem.hessian(theta) * np.outer(scale, scale))[0] > -1e-13

    @every_problem
    def test_value_at_the_minimum(self, problem):
        value = problem.value(problem.minimum)
        assert problem.minimum_value == pytest.approx(value, rel=1e-14, abs=1e-28)
        assert all(problem.value(theta) == pytest.approx(value, rel=1e-14, abs=1e-28) for theta in problem.minima)

    @pytest.mark.parametrize(("problem", "printed"), PRINTED, ids=lambda value: str(value))
    def test_minima_are_those_of_the_paper(self, problem, printed):
        assert abs(problem.minimum_value - float(printed)) <= in_last_digit(printed)

    def test_all_other_minima_are_zero_or_have_a_formula(self):
        rest = {type(p) for p in PROBLEMS} - {type(p) for p, _ in PRINTED}
        linear = {LinearFullRank, LinearRankOne, LinearRankOneZero}
        assert all(p.minimum_value == 0 for p in PROBLEMS if type(p) in rest - linear)
        for make in linear:
            for n, m in ((5, 10), (5, 50), (3, 3), (7, 8)):
                problem = make(n, m)
                A = problem.jacobian(problem.start)
                best = np.linalg.lstsq(A, np.ones(m), rcond=None)[0]
                assert problem.minimum_value == pytest.approx(np.sum((A @ best - 1) ** 2), rel=1e-12, abs=1e-13)
                assert_allclose(problem.minimum, best, atol=1e-13)  # both are the shortest

    @pytest.mark.parametrize(("problem", "printed"), OTHERS, ids=lambda value: str(value))
    def test_other_values_are_those_of_the_paper(self, problem, printed):
        assert abs(problem.other_values[0] - float(printed)) <= in_last_digit(printed)

    def test_the_local_minimum_of_freudenstein_and_roth(self):
        problem = FreudensteinRoth()
        assert np.linalg.norm(problem.gradient(problem.local_minimum)) < 1e-11
        assert np.linalg.eigvalsh(problem.hessian(problem.local_minimum))[0] > 0

    @pytest.mark.parametrize("problem", [Trigonometric(), Chebyquad(10)], ids=repr)
    def test_local_minima_by_name(self, problem):
        found = scipy.optimize.least_squares(problem.residuals, problem.start, problem.jacobian, method="lm")
        assert 2 * found.cost == pytest.approx(problem.other_values[0], rel=1e-9)
        assert np.linalg.eigvalsh(problem.hessian(found.x))[0] > 1e-3
        assert 2 * found.cost > 1.3 * problem.minimum_value

    def test_the_saddle_of_biggs(self):
        """Where the two exponentials that are equal at the start still are, J ends at a saddle."""
        problem = BiggsEXP6()

        def doubled(z):
            return np.array([z[0], z[1], z[2], z[3], z[0], z[2]])

        found = scipy.optimize.least_squares(
            lambda z: problem.residuals(doubled(z)), [1.7, 18.0, 1.2, 5.2], xtol=1e-15, ftol=1e-15, gtol=1e-15
        )
        assert 2 * found.cost == pytest.approx(problem.other_values[0], rel=1e-12)
        assert np.linalg.norm(problem.gradient(doubled(found.x))) < 1e-8
        assert np.linalg.eigvalsh(problem.hessian(doubled(found.x)))[0] < -1e-3
        permuted = [problem.value(theta) for theta in ([1, 10, 1, 5, 4, 3], [4, 10, 3, 5, 1, 1])]
        assert_allclose(permuted, 0, atol=1e-30)

    @pytest.mark.parametrize("n", [2, 5, 10])
    def test_the_flat_point_of_brown(self, n):
        """The gradient vanishes (for n > 2), but J falls from there along (1, …, 1, −n)."""
        problem, flat = BrownAlmostLinear(n), np.array([0.0] * (n - 1) + [n + 1.0])
        along = np.array([1.0] * (n - 1) + [-float(n)])
        assert problem.value(flat) == 1 and (n == 2 or not problem.gradient(flat).any())
        assert problem.value(flat + 0.1 * along) < 1
        values = np.array([1 - problem.value(flat + s * along) for s in (0.02, 0.01)])
        assert n > 5 or values[0] / values[1] == pytest.approx(2 ** (n - 1), rel=0.1)  # the power n − 1

    @pytest.mark.parametrize("n", [2, 3, 4, 5, 10])
    def test_the_zeros_of_brown(self, n):
        """α with n αⁿ − (n + 1) αⁿ⁻¹ + 1 = 0: 1 and one other, two others for odd n."""
        problem = BrownAlmostLinear(n)
        roots = np.roots([n, -(n + 1), *([0] * (n - 2)), 1])
        real = roots[np.abs(roots.imag) < 1e-6].real
        assert len(real) == (3 if n % 2 else 2)
        for root in real:
            theta = np.append(np.full(n - 1, root), n + 1 - n * root)
            assert problem.value(theta) == pytest.approx(0, abs=1e-20)

    def test_limits_at_infinity(self):
        bard, kowalik = Bard(), KowalikOsborne()
        assert bard.value([bard.y.mean(), -1e12, -1e12]) == pytest.approx(bard.other_values[0], rel=1e-10)
        far = 1e12
        theta = np.array([-0.03542143 * -far, -14.07588361, 1.60307447 * -far, -far])
        assert kowalik.value(theta) == pytest.approx(kowalik.other_values[0], rel=1e-8)

    def test_the_line_of_minima_of_box(self):
        assert all(Box3D().value([x, x, 0]) == 0 for x in (-1.0, 0.0, 3.0, 10.0))

    def test_powell_exchanged(self):
        problem = PowellBadlyScaled()
        assert_array_equal(problem.minima[1], problem.minimum[::-1])

    @pytest.mark.parametrize("problem", [PowellSingular(), ExtendedPowellSingular(8)], ids=repr)
    def test_the_singular_minimum_of_powell(self, problem):
        assert np.linalg.matrix_rank(problem.jacobian(problem.minimum)) == problem.dimension // 2

    def test_newtons_method_leaves_two_thirds_of_the_error(self):
        problem, theta = PowellSingular(), PowellSingular().start
        for step in range(6):
            before, theta = theta, theta - np.linalg.solve(problem.hessian(theta), problem.gradient(theta))
            if step:
                assert np.linalg.norm(theta) / np.linalg.norm(before) == pytest.approx(2 / 3, rel=1e-9)

    def test_the_saddle_of_wood(self):
        problem = Wood()
        saddle = scipy.optimize.root(problem.gradient, [-1, 1, -1, 1], jac=problem.hessian).x
        assert_allclose(saddle, [-0.97, 0.95, -0.97, 0.95], atol=5e-3)
        assert np.linalg.norm(problem.gradient(saddle)) < 1e-8 and np.linalg.eigvalsh(problem.hessian(saddle))[0] < -0.1

    def test_curvatures(self):
        """What the docstrings say of them."""
        brown, H = BrownDennis(), BrownDennis().hessian(BrownDennis().minimum)
        R = brown.jacobian(brown.minimum)
        assert np.linalg.norm(2 * R.T @ R - H) > 0.3 * np.linalg.norm(H)
        for n in (4, 10):
            curvatures = np.linalg.eigvalsh(Penalty1(n).hessian(Penalty1(n).minimum))
            assert curvatures[-1] > 1e4 * curvatures[0]
        conditions = [np.linalg.cond(Watson(n).jacobian(Watson(n).minimum)) for n in (6, 12)]
        assert conditions[1] > 1e4 * conditions[0]

    @pytest.mark.parametrize("n", [1, 2, 3, 10, 40])
    def test_equations_of_any_size(self, n):
        for make in (DiscreteBoundaryValue, DiscreteIntegral, BroydenTridiagonal, BroydenBanded):
            assert make(n).value(make(n).minimum) < 1e-28
        assert_allclose(DiscreteIntegral(n).minimum, DiscreteBoundaryValue(n).minimum, atol=1e-13)

    @pytest.mark.parametrize("n", range(1, 10))
    def test_nodes_of_chebyshev(self, n):
        problem = Chebyquad(n)
        assert (problem.minimum_value == 0) == (n != 8)
        nodes = np.sort(problem.minimum)
        assert_allclose(nodes, 1 - nodes[::-1], atol=1e-13)  # they lie symmetrically

    @pytest.mark.parametrize("n", [1, 4, 10, 100])
    def test_penalty_1_of_any_size(self, n):
        problem = Penalty1(n)
        assert np.linalg.norm(problem.gradient(problem.minimum)) < 1e-15
        assert np.linalg.eigvalsh(problem.hessian(problem.minimum))[0] > 0

    @pytest.mark.parametrize("problem", [Watson(6), Penalty2(4), Penalty2(10), Chebyquad(8), Chebyquad(10)], ids=repr)
    def test_a_search_finds_nothing_smaller(self, problem):
        generator = np.random.default_rng(2)
        for _ in range(15):
            start = problem.start + generator.uniform(-0.4, 0.4, problem.dimension)
            found = scipy.optimize.least_squares(problem.residuals, start, problem.jacobian)
            assert 2 * found.cost >= problem.minimum_value * (1 - 1e-9)


class TestMethodsReachThem:
    """SciPy as the oracle of the data: what is stored as a minimum is where a method ends from the standard start."""

    @pytest.mark.parametrize(("problem", "accepted"), STANDARD, ids=lambda value: repr(value))
    def test_from_the_standard_start(self, problem, accepted):
        # Levenberg–Marquardt, but for Biggs, where it ends at a plateau: there a trust region.
        method = "trf" if isinstance(problem, BiggsEXP6) else "lm"
        exact = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        found = scipy.optimize.least_squares(
            problem.residuals, problem.start, problem.jacobian, method=method, max_nfev=3000, **exact
        )
        assert is_reached(problem, problem.value(found.x), accepted)

    def test_a_miss_is_a_miss(self):
        problem, accepted = STANDARD[7]
        assert isinstance(problem, Bard) and is_reached(problem, accepted[0] * (1 + 9e-7), accepted)
        assert not is_reached(problem, accepted[0] * (1 + 2e-6), accepted)
        assert is_reached(Rosenbrock(), 9e-10, (0.0,)) and not is_reached(Rosenbrock(), 2e-9, (0.0,))


class TestArguments:
    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: Watson(1), ValueError, "n: got 1; expected an integer >= 2 and <= 31"),
            (lambda: Watson(32), ValueError, "n: got 32"),
            (lambda: Watson(6.0), TypeError, "n: got 6.0"),
            (lambda: ExtendedRosenbrock(5), ValueError, "n: got 5; expected a multiple of 2"),
            (lambda: ExtendedRosenbrock(0), ValueError, "n: got 0"),
            (lambda: ExtendedPowellSingular(6), ValueError, "n: got 6; expected a multiple of 4"),
            (lambda: Penalty1(0), ValueError, "n: got 0"),
            (lambda: VariablyDimensioned("5"), TypeError, "n: got '5'"),
            (lambda: BrownAlmostLinear(1), ValueError, "n: got 1"),
            (lambda: BroydenBanded(0), ValueError, "n: got 0"),
            (lambda: DiscreteIntegral(2.5), TypeError, "n: got 2.5"),
            (lambda: DiscreteBoundaryValue(None), TypeError, "n: got None"),
            (lambda: Gulf(100), ValueError, "m: got 100; expected an integer >= 3 and <= 99"),
            (lambda: Box3D(2), ValueError, "m: got 2"),
            (lambda: BiggsEXP6(5), ValueError, "m: got 5"),
            (lambda: LinearFullRank(5, 4), ValueError, "m: got 4; expected an integer >= 5"),
            (lambda: LinearRankOneZero(2, 4), ValueError, "n: got 2; expected an integer >= 3"),
        ],
    )
    def test_bad_sizes(self, make, error, message):
        with pytest.raises(error, match=message):
            make()

    @pytest.mark.parametrize(
        ("problem", "message"),
        [
            (Watson(7), "minimum: not known for n = 7; expected n = 6 or 9 or 12"),
            (Penalty2(5), "minimum: not known for n = 5; expected n = 4 or 10"),
            (Chebyquad(11), "minimum: not known for n = 11"),
            (JennrichSampson(20), "minimum: not known for m = 20; expected m = 10"),
            (BrownDennis(5), "minimum: not known for m = 5; expected m = 20"),
        ],
    )
    def test_minima_that_are_not_known(self, problem, message):
        assert np.isfinite(problem.value(problem.start))
        for name in ("minimum", "minimum_value", "minima"):
            with pytest.raises(ValueError, match=message):
                getattr(problem, name)

    @every_problem
    def test_nothing_is_shared(self, problem):
        before = problem.start, problem.minimum
        for array in (problem.start, problem.minimum, problem.minima, problem.residuals(problem.start)):
            array[...] = 7.0
        problem.jacobian(problem.start)[...] = 7.0
        assert_array_equal(problem.start, before[0])
        assert_array_equal(problem.minimum, before[1])
        theta = problem.start
        problem.hessian(theta), problem.gradient(theta)
        assert_array_equal(theta, before[0])

    def test_repr(self):
        assert repr(Watson(9)) == "Watson(n=9)" and repr(Bard()) == "Bard()"
        assert repr(LinearRankOne()) == "LinearRankOne(n=5, m=10)"

    def test_a_wrong_shape(self):
        with pytest.raises(ValueError, match=r"theta: got .*; expected shape \(3,\)"):
            Bard().residuals([1.0, 2.0])
