//! `acs-tokens completions` and `acs-tokens man`: what shells and `man` read.

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Arguments, Result, eprint, print};

/// Print the completions for a shell
///
/// For bash: `source <(acs-tokens completions bash)`. For zsh, write them to a file `_acs-tokens` in a folder of `fpath`. For
/// fish: `acs-tokens completions fish | source`. For PowerShell:
/// `acs-tokens completions powershell | Out-String | Invoke-Expression`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

/// Write the man pages, one for each command, into a folder
///
/// To read one: `man --local-file <DIR>/acs-tokens-token-issue.1`.
#[derive(Debug, Args)]
pub(super) struct Pages {
    /// The folder, such as ~/.local/share/man/man1; it is created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn completions(Completions { shell }: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut Arguments::command(), "acs-tokens", &mut script);
    let script = String::from_utf8(script)?;
    // In bash, the labels of subcommands do not match if the name of the program has a hyphen:
    // https://github.com/clap-rs/clap/issues/6421
    print(script.replace("acs__subcmd__tokens", "acs__tokens").trim_end());
    Ok(())
}

pub(super) fn pages(Pages { folder }: &Pages) -> Result<()> {
    let failed = |error| format!("{}: {error}; choose another folder", folder.display());
    fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder)).map_err(failed)?;
    eprint(&format!("Wrote the man pages to {}", folder.display()));
    Ok(())
}
