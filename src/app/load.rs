//! `skytier load`: many publishers at once, to size a machine.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::load;
use crate::adapters::mqtt::load::Outcome;
use crate::adapters::mqtt::load::Plan;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::Target;
use crate::adapters::payload::topic::Topics;
use crate::app::cli::now;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::sender::SenderArgs;
use crate::domain::calendar::Instant as Stamp;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::ports::Range;

/// Most publishers.
const DEVICES_MAX: u32 = 20_000;
/// Seconds of a message's interval.
const INTERVAL_S: u32 = 60;
/// How long before now the first message is stamped, so that none lies in the future.
const BACK_S: i64 = 400 * 86_400;

/// Publish as many stations at once and say what the other side bears.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The stations are sim-load-00001 and so on; register them first, else their messages wait in quarantine. Each message
carries six invented values of a minute. All of them come as the one --user, so that device must be bound to all. With --verify every acknowledged message is looked for in the data directory. Values are other ones in every run;
a second run into the same directory corrects the first one's, so size on a new one.

Examples:
  skytier load --devices 100 --table > /tmp/load-stations.csv
  skytier register --data var/load stations=/tmp/load-stations.csv
  skytier load --to mqtt://127.0.0.1:1883 --devices 100 --inflight 20 --seconds 10 --verify var/load
  SKYTIER_PASSWORD=... skytier load --to mqtts://air.example --ca ca.pem --user gateway --devices 100 --seconds 10")]
pub struct LoadArgs {
    /// Where to.
    #[arg(
        long,
        value_name = "mqtt[s]://HOST:PORT",
        value_parser = Address::of_broker,
        required_unless_present = "table"
    )]
    to: Option<Address>,
    /// How many stations, each with a connection of its own.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(DEVICES_MAX)))]
    devices: u32,
    /// Messages of one station in flight at most.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    inflight: u16,
    /// Messages a second of all stations together; as many as are acknowledged without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// How long to send, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// What topics begin with.
    #[arg(long, default_value = crate::adapters::payload::topic::PREFIX)]
    prefix: String,
    /// The daemon's data directory, to check that all that was acknowledged is there.
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,
    /// Print the table of the stations, for `skytier register`, and send nothing.
    #[arg(long)]
    table: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

fn station(device: u32) -> SourceId {
    SourceId::new(&format!("sim-load-{device:05}")).expect("a sound code")
}

/// The invented value of a station's pollutant at a time, another in every run: the same whenever it is asked for.
fn value(run: i64, device: u32, pollutant: Pollutant, time: Stamp) -> Amount {
    let mixed = (time.unix() / i64::from(INTERVAL_S))
        .wrapping_mul(31)
        .wrapping_add(run)
        .wrapping_add(i64::from(device) * 17)
        .wrapping_add(pollutant.index() as i64 * 7);
    let tenths = mixed.rem_euclid(900) + 1;
    match pollutant {
        Pollutant::Co => Amount::from_micros(tenths * 1_000),
        _ => Amount::from_micros(tenths * 100_000),
    }
}

fn time(first: Stamp, number: u64) -> Stamp {
    first.plus_s(number.cast_signed() * i64::from(INTERVAL_S))
}

fn payload(run: i64, device: u32, time: Stamp) -> Vec<u8> {
    let values = Pollutant::ALL.map(|pollutant| {
        let value = value(run, device, pollutant, time);
        format!("\"{}\":{value}", pollutant.key())
    });
    let (stamp, values) = (Zone::beijing().text(time), values.join(","));
    format!("{{\"time\":\"{stamp}\",\"interval_s\":{INTERVAL_S},\"values\":{{{values}}}}}").into()
}

/// Runs the command.
///
/// # Errors
/// When messages failed, or with `--verify` when one that was acknowledged is missing.
pub async fn run(args: &LoadArgs, out: &mut impl Write) -> anyhow::Result<()> {
    if args.table {
        return table(args.devices, out);
    }
    let topics = Topics::new(&args.prefix).map_err(bad_input)?;
    let to = args
        .to
        .as_ref()
        .ok_or_else(|| bad_input("--to is needed"))?;
    let to = args.sender.way(to)?;
    let minute = i64::from(INTERVAL_S);
    let run = now().unix();
    let first = now().plus_s(-BACK_S);
    let first = first.plus_s(-first.unix().rem_euclid(minute));
    let pace = args
        .rate
        .map(|rate| Duration::from_secs(1) * args.devices / rate);
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for device in 1..=args.devices {
        let plan = Plan {
            to: to.clone(),
            client_id: format!("skytier-load-{}-{device}", std::process::id()),
            in_flight: args.inflight,
            pace,
            lasts: Duration::from_secs(args.seconds),
        };
        let target = Target {
            kind: SourceKind::Station,
            source: station(device),
            channel: Channel::Readings,
        };
        let topic = topics.topic(&target);
        running.spawn(async move {
            let message = |number| (topic.clone(), payload(run, device, time(first, number)));
            (device, load::publish(&plan, message).await)
        });
    }
    let outcomes = running.join_all().await;
    report(&outcomes, begun.elapsed(), out)?;
    if let Some(data) = &args.verify {
        let missing = missing(data, &outcomes, (run, first)).await?;
        writeln!(out, "missing\t{missing}")?;
        if missing > 0 {
            out.flush()?;
            let said = format!(
                "{missing} acknowledged values are not among the readings; those of stations that are not registered wait in \
                 quarantine (`skytier dead-letters list --state quarantined --data {}`)",
                data.display()
            );
            return Err(anyhow::Error::new(AnswerIsNo(said)));
        }
    }
    match outcomes.iter().find_map(|(device, outcome)| {
        let fault = outcome.fault.as_ref()?;
        Some(format!("{}: {fault}", station(*device)))
    }) {
        None => Ok(()),
        Some(fault) => {
            out.flush()?;
            Err(anyhow::Error::new(AnswerIsNo(fault)))
        }
    }
}

fn table(devices: u32, out: &mut impl Write) -> anyhow::Result<()> {
    let header = "id,name_zh,name_en,class,longitude,latitude,simulated,source";
    writeln!(out, "{header},zone,interval_s")?;
    for device in 1..=devices {
        let id = station(device);
        writeln!(
            out,
            "{id},压测站{device},Load {device},micro,120,31,true,skytier load,+08:00,{INTERVAL_S}"
        )?;
    }
    Ok(())
}

fn report(outcomes: &[(u32, Outcome)], took: Duration, out: &mut impl Write) -> anyhow::Result<()> {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(|(_, outcome)| of(outcome)).sum();
    let (acked, sent): (u64, u64) = (sum(|outcome| outcome.acked), sum(|outcome| outcome.sent));
    let mut latencies: Vec<Duration> = outcomes
        .iter()
        .flat_map(|(_, outcome)| outcome.latencies.iter().copied())
        .collect();
    latencies.sort_unstable();
    let failed = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.fault.is_some());
    let seconds = took.as_secs_f64();
    writeln!(out, "stations\t{}", outcomes.len())?;
    writeln!(out, "stations_failed\t{}", failed.count())?;
    writeln!(
        out,
        "sent\t{sent}\nacknowledged\t{acked}\nseconds\t{seconds:.2}"
    )?;
    writeln!(out, "messages_per_s\t{:.0}", acked as f64 / seconds)?;
    for (name, percent) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
        let at = (latencies.len() * percent).div_ceil(100);
        let latency = latencies.get(at.saturating_sub(1));
        let shown = latency.map(|latency| format!("{:.3}", latency.as_secs_f64() * 1_000.0));
        writeln!(
            out,
            "latency_{name}_ms\t{}",
            shown.as_deref().unwrap_or("-")
        )?;
    }
    Ok(())
}

/// How many acknowledged values are not in the store, or others than were sent.
async fn missing(
    data: &std::path::Path,
    outcomes: &[(u32, Outcome)],
    (run, first): (i64, Stamp),
) -> anyhow::Result<u64> {
    let stores = open::for_reading(data)?;
    let mut missing = 0;
    for (device, outcome) in outcomes {
        for pollutant in Pollutant::ALL {
            let key = SeriesKey {
                source: station(*device),
                factor: pollutant.factor(),
                stat: Stat::avg(),
                interval_s: INTERVAL_S,
            };
            let range = Range {
                after: first.plus_s(-1),
                upto: time(first, outcome.acked),
                ..Range::ALL
            };
            let column = stores.series.column(&key, range).await?;
            for number in 0..outcome.acked {
                let time = time(first, number);
                let found = column.binary_search_by_key(&time, |reading| reading.time);
                let stored = found.ok().and_then(|at| column[at].value);
                missing += u64::from(stored != Some(value(run, *device, pollutant, time)));
            }
        }
    }
    Ok(missing)
}
