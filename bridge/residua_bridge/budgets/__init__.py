"""Why a prediction and a measurement differ: laws of statistical quantities, ladders of sizes, budgets, verdicts."""
