//! The course of a run, from the first process to the verdict.
