//! The faults, the plan that a seed makes of them, and the account of those that took effect.
