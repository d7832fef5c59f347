//! `skytier compact`: a data directory at its smallest.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::adapters::store::embedded::copy;

/// Make a data directory as small as it can be: merge what waits into blocks, give back free space.
///
/// Nothing that is stored changes. The file is written anew, so there must be as much free space as it will take. The
/// directory must not be in use by a daemon, and none can start meanwhile.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier compact --data var/city")]
pub struct CompactArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// Those of the store, such as a running daemon's lock or too little space.
pub fn run(args: &CompactArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let directory = &args.data;
    let place = || format!("data directory {}", directory.display());
    let (before, after) = copy::compact(directory).with_context(place)?;
    writeln!(out, "{before} bytes before, {after} after")?;
    Ok(())
}
