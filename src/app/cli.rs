//! The command line.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::app::assess;
use crate::app::assess::AssessArgs;
use crate::app::fault::exit_code;
use crate::app::rate;
use crate::app::rate::RateArgs;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// Air-quality readings in over MQTT; averages, good-day ratios, targets and enterprise credit tiers out.
#[derive(Parser, Debug)]
#[command(name = "skytier", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Assess(AssessArgs),
    /// Credit tiers from a file of ledger entries.
    Rate(RateArgs),
}

/// The clock, read in this layer alone.
pub fn now() -> Instant {
    Instant::from_unix(chrono::Utc::now().timestamp())
}

/// Today in the zone of the standards.
pub fn today() -> chrono::NaiveDate {
    Zone::beijing().local(now()).date_naive()
}

/// Runs the command line; errors go to standard error on one line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("skytier: failed to start: {cause}");
            return ExitCode::from(3);
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skytier: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Assess(args) => assess::assess(args, now(), &mut out).await?,
        Command::Rate(args) => rate::rate(args, today(), &mut out)?,
    }
    out.flush()?;
    Ok(())
}
