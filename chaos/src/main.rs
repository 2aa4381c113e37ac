//! `chaos`: runs by seed and scenarios by name, and the judgement of their directories.

use clap::Parser;

/// Faults against a cluster of real processes, and the judgement of what it did under them.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Cli {}

fn main() {
    let Cli {} = Cli::parse();
}
