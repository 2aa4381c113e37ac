//! A process whose randomness comes from a seed.
//!
//! Ids, election timeouts, back-off and the order of hash maps all come from the system's `getrandom`. The
//! process of one seed preloads a library that answers it from the seed (`random/random.c`), so a seed runs
//! the same way each time, and no code under test has to know of it. (`--cfg tokio_unstable` would seed
//! tokio alone, and have everything built a second time.)

use std::process::Command;

const SEED: &str = "VESTA_SIM_RANDOM";

/// Where the build has put the library.
const LIBRARY: &str = env!("VESTA_SIM_RANDOM_LIBRARY");

/// This program again, as a process whose randomness is of `seed`.
pub fn command(seed: u64) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env("LD_PRELOAD", LIBRARY)
        .env(SEED, seed.to_string());
    Ok(command)
}
