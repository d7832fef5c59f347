//! Pages and charts with ten years of fifty stations stored: how long the real program takes to answer, over loopback.
//!
//! Readings are made up, laid down as files and imported by the program itself; then it serves, and each page is asked for
//! some times. The least and the middle time of each are printed beside the goal, and the least processor time, which says more
//! on a machine that has other work.
//!
//! Run it with `make bench`; `PAGES_YEARS` and `PAGES_STATIONS` make it smaller.

use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant as Clock;

use anyhow::Context;
use anyhow::ensure;
use chrono::Datelike;
use chrono::NaiveDate;
use tempfile::TempDir;

/// First year stored.
const FIRST_YEAR: i32 = 2016;
/// How often each address is asked for, after once that does not count.
const TIMES: usize = 7;
/// Goals: a page, and a year's calendar by itself.
const PAGE: Duration = Duration::from_millis(150);
const CALENDAR: Duration = Duration::from_millis(20);
/// Milliseconds of a tick that processor time is counted in.
const TICK_MS: u64 = 10;
const PROGRAM: &str = env!("CARGO_BIN_EXE_skytier");

/// A number from the environment, or the full size.
fn asked(name: &str, full: u32) -> anyhow::Result<u32> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(full),
    }
}

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let (stations, years) = (asked("PAGES_STATIONS", 50)?, asked("PAGES_YEARS", 10)?);
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    lay_down(folder.path(), stations, years)?;
    let begun = Clock::now();
    run(
        &["register", "--data", text(&data)?],
        folder.path(),
        &["stations.csv", "groups.csv", "targets.csv"],
    )?;
    let names: Vec<String> = (0..stations).map(|own| format!("{own}.csv")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let import = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(&data)?,
        "--input",
    ];
    run(&import, folder.path(), &names)?;
    println!(
        "{stations} stations, {years} years of hours imported in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let begun = Clock::now();
    let daemon = Daemon::start(&data)?;
    println!("started in {:.1} s", begun.elapsed().as_secs_f64());
    measure(&daemon, FIRST_YEAR + i32::try_from(years)? - 1)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of plain letters")
}

/// Runs the program on files of a folder.
fn run(args: &[&str], folder: &Path, files: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(PROGRAM);
    command.args(args).args(files).current_dir(folder);
    let ended = command.output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{args:?}: {said}");
    Ok(())
}

/// The same for the same number, and spread evenly.
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 31)
}

/// The tables of the registry, and a file of hours a station.
fn lay_down(folder: &Path, stations: u32, years: u32) -> anyhow::Result<()> {
    let mut table = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n".to_owned();
    let mut group = "id,name_zh,name_en,document,station,from,to\n".to_owned();
    for own in 0..stations {
        let (east, north) = (mixed(own.into()) % 900, mixed(u64::from(own) + 500) % 900);
        writeln!(
            table,
            "sim-S{own},站{own},S{own},national,120.{east:03},31.{north:03},true,made up"
        )?;
        writeln!(group, "city,市,City,made up,sim-S{own},2000-01-01,")?;
    }
    std::fs::write(folder.join("stations.csv"), table)?;
    std::fs::write(folder.join("groups.csv"), group)?;
    let last = FIRST_YEAR + i32::try_from(years)? - 1;
    let targets = format!(
        "id,group,item,year,limit,issuer,document\n\
         a,city,pm25_mean,{last},35,made up,made up\nb,city,good_day_ratio,{last},80,made up,made up\n"
    );
    std::fs::write(folder.join("targets.csv"), targets)?;
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).context("a day")?;
    // The newest year ends in September, so that there is something to project.
    let end = NaiveDate::from_ymd_opt(last, 10, 1).context("a day")?;
    for own in 0..stations {
        let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
        for day in first.iter_days().take_while(|day| *day < end) {
            for hour in 1..=24_u64 {
                let day_number = u64::from(day.num_days_from_ce().unsigned_abs());
                let noise = mixed((u64::from(own) << 32) ^ (day_number << 8) ^ hour);
                let stamp = match hour {
                    24 => format!("{}T00", day.succ_opt().context("a day")?),
                    _ => format!("{day}T{hour:02}"),
                };
                writeln!(
                    rows,
                    "sim-S{own},{stamp}:00:00+08:00,3600,{},{},{},{},0.{},{}",
                    10 + noise % 80,
                    30 + (noise >> 8) % 120,
                    4 + (noise >> 16) % 20,
                    15 + (noise >> 24) % 60,
                    2 + (noise >> 32) % 8,
                    20 + (noise >> 40) % 150
                )?;
            }
        }
        std::fs::write(folder.join(format!("{own}.csv")), rows)?;
    }
    Ok(())
}

/// The running program; ended by its own process id.
struct Daemon {
    child: Child,
    address: String,
    /// Kept open: a program that prints into a closed pipe would stumble.
    _printed: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(data: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--data", text(data)?]);
        command.envs([
            ("SKYTIER__HTTP__LISTEN", "127.0.0.1:0"),
            ("SKYTIER__MQTT__EMBEDDED__LISTEN", "127.0.0.1:0"),
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let printed = child.stdout.take().context("a pipe")?;
        let mut printed = BufReader::new(printed);
        let mut address = None;
        let mut line = String::new();
        while printed.read_line(&mut line)? > 0 {
            let said = line.trim_end().trim_start_matches("skytier: ");
            if said.starts_with("http://") {
                address = Some(said.trim_end_matches('/').to_owned());
            } else if said.starts_with("loopback only") {
                break;
            }
            line.clear();
        }
        let address = address.context("the program says where it is")?;
        Ok(Self {
            child,
            address,
            _printed: printed,
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Processor time the program took so far; `None` where the system does not tell.
fn processor(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * TICK_MS))
}

fn measure(daemon: &Daemon, year: i32) -> anyhow::Result<()> {
    let city = "area=group:city";
    let mut paths = vec![
        (format!("/?{city}"), PAGE),
        (format!("/calendar?{city}"), PAGE),
        (format!("/days/{year}-06-15?{city}"), PAGE),
        (format!("/targets?{city}"), PAGE),
        (format!("/trends?{city}"), PAGE),
        (format!("/stations?{city}"), PAGE),
        ("/stations/sim-S1".to_owned(), PAGE),
        (format!("/bulletins?{city}&period={year}-H1"), PAGE),
        (format!("/restatements?{city}"), PAGE),
        ("/data".to_owned(), PAGE),
        ("/commissioning/sim-S1".to_owned(), PAGE),
        (format!("/year?{city}"), PAGE),
        (
            format!("/v1/charts/calendar.svg?{city}&year={}", year - 1),
            CALENDAR,
        ),
        (
            "/v1/charts/calendar.svg?area=station:sim-S1".to_owned(),
            CALENDAR,
        ),
    ];
    let charts = [
        "pm25", "ratio", "years", "months", "days", "hours", "rose", "both", "compared", "map",
        "outlook", "tiers",
    ];
    paths.extend(charts.map(|kind| (format!("/v1/charts/{kind}.svg?{city}"), PAGE)));
    paths.push((
        format!("/v1/charts/calendar.png?{city}&year={}", year - 1),
        PAGE,
    ));
    let [path, least, middle, taken, goal, bytes] =
        ["address", "least", "middle", "processor", "goal", "packed"];
    println!("{path:<52} {least:>9} {middle:>9} {taken:>9} {goal:>7} {bytes:>8}");
    for (path, goal) in paths {
        let url = format!("{}{path}", daemon.address);
        let (mut took, mut worked) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for _ in 0..=TIMES {
            let before = processor(daemon.child.id());
            let begun = Clock::now();
            let page = ureq::get(&url)
                .header("accept-encoding", "gzip")
                .call()?
                .body_mut()
                .with_config()
                .limit(64 << 20)
                .read_to_vec()?;
            took.push(begun.elapsed());
            let after = processor(daemon.child.id());
            worked.extend(
                after
                    .zip(before)
                    .map(|(after, before)| after.saturating_sub(before)),
            );
            bytes = page.len();
        }
        took.remove(0);
        took.sort();
        let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
        println!(
            "{path:<52} {:>6.1} ms {:>6.1} ms {:>6.0} ms {:>4.0} ms {bytes:>8}",
            ms(took[0]),
            ms(took[TIMES / 2]),
            ms(worked.iter().min().copied().unwrap_or_default()),
            ms(goal)
        );
    }
    Ok(())
}
