"""What readers of chapter 09 change: curvatures, starts, dampings, sizes, numbers of steps."""

EDITS = [
    ("valley = Quadratic([1e-6, 1.0], rotation=0.4", "valley = Quadratic([0.1, 1.0], rotation=0.4"),
    (
        "figures.digits_of_root_two(1.5, steps=7, precision=210)",
        "figures.digits_of_root_two(5.0, steps=4, precision=60)",
    ),
    (
        "descent_run = minimize(Rosenbrock(), GradientDescent(0.001)",
        "descent_run = minimize(Rosenbrock(), GradientDescent(0.0002)",
    ),
    (
        "to_saddle, to_peak = newton(Saddle()), newton(Himmelblau())",
        "to_saddle, to_peak = newton(Saddle(), [0.1, 0.9]), newton(Himmelblau(), [3.5, 2.5])",
    ),
    ("figures.damped_steps(damping=0.1, x=1.0, y=0.3)", "figures.damped_steps(damping=10.0, x=-1.0, y=0.0)"),
    ("network = MLP([784, 64, 64, 10], seed=0)", "network = MLP([784, 16, 10], seed=0)"),
    ("for distinct in (2, 5, 12, 30):", "for distinct in (1, 5, 20):"),
    (
        "name: method(Rosenbrock(), tolerance=1e-8) for name",
        "name: method(Rosenbrock(), [3.0, -3.0], tolerance=1e-4) for name",
    ),
    ("by_lbfgs = lbfgs(softmax, max_iterations=100)", "by_lbfgs = lbfgs(softmax, max_iterations=10, memory=3)"),
    ("T = np.array([[1.0, 0.7], [0.0, 0.3]])", "T = np.array([[2.0, 0.0], [0.0, 0.5]])"),
]
