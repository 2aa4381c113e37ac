//! Runs that are written out instead of decided by a seed, by name.
