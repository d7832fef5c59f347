//! Parses the command line and hands over to the application.

use clap::Parser;
use skytier::app::rate::RateArgs;
use skytier::app::rate::RateError;
use std::process::ExitCode;

#[derive(Parser)]
#[command(version, about)]
enum Command {
    /// Credit tiers from a file of ledger entries
    Rate(RateArgs),
}

fn main() -> ExitCode {
    let Command::Rate(args) = Command::parse();
    let today = chrono::Local::now().date_naive();
    match skytier::app::rate::rate(args, today, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(if error.is::<RateError>() { 2 } else { 3 })
        }
    }
}
