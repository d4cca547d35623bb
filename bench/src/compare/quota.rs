//! The section `quota`: the programs with a quarter of a CPU and with one CPU, by a cgroup.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Options,
    contest::{contest, rate_of},
};
use crate::{
    Result,
    contender::{Contender, Setting},
    scenario::Scenario,
};

/// The CPU quotas in percent of one CPU.
const QUOTAS: [u32; 2] = [25, 100];

/// The period of a quota, in microseconds. Azure and AWS use the kernel's default, too.
const PERIOD: u32 = 100_000;

const CONNECTIONS: usize = 32;

/// Returns a table for each quota. Without a writable cgroup, returns a sentence that says so.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let mut text = String::new();
    for percent in QUOTAS {
        let group = match Cgroup::create(percent) {
            Ok(group) => group,
            Err(error) => return Ok(format!("\nNot measured: no cgroup with a CPU quota can be created ({error}).\n")),
        };
        let runs = contest(setting, options, Scenario::IssueToken, (CONNECTIONS, None), &group.wrapper()).await?;
        let express = rate_of(&runs, Contender::Express);
        write!(
            text,
            "\n`issue-token`, {CONNECTIONS} connections, {} CPU:\n\n\
             | program | requests/s | spread | to Express | start to first answer | spread |\n|---|---|---|---|---|---|\n",
            f64::from(percent) / 100.0
        )?;
        for runs in &runs {
            let (rate, first) = (runs.rate(), runs.value(|run| run.first_answer.as_secs_f64() * 1000.0));
            writeln!(
                text,
                "| {} | {:.0} | ±{:.0} % | {} | {:.0} ms | ±{:.0} % |",
                runs.contender.name(),
                rate.median,
                rate.spread,
                rate.ratio(express),
                first.median,
                first.spread
            )?;
        }
    }
    Ok(text)
}

/// A cgroup with a CPU quota, removed when it is dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Creates the group in the hierarchy of version 1, otherwise in that of version 2.
    fn create(percent: u32) -> io::Result<Self> {
        let name = format!("acs-tokens-bench-{}-{percent}", std::process::id());
        let quota = PERIOD / 100 * percent;
        let first = Path::new("/sys/fs/cgroup/cpu");
        if first.join("cpu.cfs_quota_us").exists() || first.join("cpu.shares").exists() {
            let group = Self::at(&first.join(name))?;
            fs::write(group.0.join("cpu.cfs_period_us"), PERIOD.to_string())?;
            fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string())?;
            return Ok(group);
        }
        let group = Self::at(&Path::new("/sys/fs/cgroup").join(name))?;
        fs::write(group.0.join("cpu.max"), format!("{quota} {PERIOD}"))?;
        Ok(group)
    }

    fn at(path: &Path) -> io::Result<Self> {
        fs::create_dir(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Returns the words that run a program in the group.
    fn wrapper(&self) -> Vec<String> {
        let script = r#"echo $$ > "$0/cgroup.procs" && exec "$@""#;
        ["sh", "-c", script, &self.0.display().to_string()].map(str::to_owned).into()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It fails only if a program is still in the group, and an empty group costs little.
        let _ = fs::remove_dir(&self.0);
    }
}
