//! `vesta completions`: what a shell needs to complete this command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Failure;

/// Print the completions of a shell, for it to load.
///
/// bash: vesta completions bash > /etc/bash_completion.d/vesta
/// zsh: vesta completions zsh > "${fpath[1]}/_vesta"
/// fish: vesta completions fish > ~/.config/fish/completions/vesta.fish
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// What `shell` loads to complete `command`, without what that hides.
pub fn script(shell: Shell, command: &clap::Command) -> Vec<u8> {
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    let mut shown = clap::Command::new("vesta")
        .args(command.get_arguments())
        .subcommands(shown.cloned());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown, "vesta", &mut script);
    script
}

/// Prints them.
///
/// # Errors
/// When they can't be written.
pub fn run<C: CommandFactory>(args: &Completions) -> Result<(), Failure> {
    crate::output::bytes(&script(args.shell, &C::command()))
}
