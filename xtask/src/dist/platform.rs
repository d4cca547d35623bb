//! The platforms that programs are published for.

use crate::Result;
use crate::build::Target;

/// A platform and its names for cargo, Node and Python.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    pub triple: &'static str,
    pub target: Target,
    /// [`std::env::consts::OS`] and [`std::env::consts::ARCH`] of machines that run the program.
    machine: (&'static str, &'static str),
    /// `process.platform` and `process.arch` of Node.
    pub node: (&'static str, &'static str),
    /// Platform tags of the wheel. A static program runs with any version of glibc and of musl, so it has the oldest tags that current
    /// installers know: <https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>.
    pub wheel_tags: &'static [&'static str],
}

pub const PLATFORMS: [Platform; 3] = [
    Platform {
        triple: "x86_64-unknown-linux-musl",
        target: Target::X86_64Musl,
        machine: ("linux", "x86_64"),
        node: ("linux", "x64"),
        wheel_tags: &["manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"],
    },
    Platform {
        triple: "aarch64-unknown-linux-musl",
        target: Target::Aarch64Musl,
        machine: ("linux", "aarch64"),
        node: ("linux", "arm64"),
        wheel_tags: &["manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"],
    },
    Platform {
        triple: "aarch64-apple-darwin",
        target: Target::Native,
        machine: ("macos", "aarch64"),
        node: ("darwin", "arm64"),
        // The oldest macOS that rustc builds for: https://doc.rust-lang.org/rustc/platform-support/apple-darwin.html.
        wheel_tags: &["macosx_11_0_arm64"],
    },
];

impl Platform {
    /// Returns whether a machine runs the program.
    pub fn runs_on(&self, os: &str, arch: &str) -> bool {
        self.machine == (os, arch)
    }

    /// Returns the name of the npm package.
    pub fn npm_name(&self) -> String {
        format!("acs-tokens-{}-{}", self.node.0, self.node.1)
    }
}

/// Returns the platforms with these triples. Without triples: Linux and this machine's platform.
///
/// On Linux, the static program is the one for this machine.
pub fn choose(triples: &[String], os: &str, arch: &str) -> Result<Vec<&'static Platform>> {
    let chosen = |platform: &&Platform| {
        if triples.is_empty() {
            platform.target != Target::Native || platform.runs_on(os, arch)
        } else {
            triples.iter().any(|triple| triple == platform.triple)
        }
    };
    let known: Vec<_> = PLATFORMS.iter().map(|platform| platform.triple).collect();
    if let Some(unknown) = triples.iter().find(|triple| !known.contains(&triple.as_str())) {
        return Err(format!("--target {unknown} is not published; choose of {}", known.join(", ")).into());
    }
    let platforms: Vec<_> = PLATFORMS.iter().filter(chosen).collect();
    if let Some(foreign) = platforms.iter().find(|it| it.target == Target::Native && !it.runs_on(os, arch)) {
        return Err(
            format!("--target {} can be built on that platform only; run this task there", foreign.triple).into()
        );
    }
    Ok(platforms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triples(named: &[&str], os: &str, arch: &str) -> Result<Vec<&'static str>> {
        let named: Vec<_> = named.iter().map(|&triple| triple.to_owned()).collect();
        Ok(choose(&named, os, arch)?.iter().map(|platform| platform.triple).collect())
    }

    #[test]
    fn the_default_is_linux_and_this_machine() {
        let linux = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
        assert_eq!(triples(&[], "linux", "x86_64").unwrap(), linux);
        assert_eq!(triples(&[], "macos", "aarch64").unwrap(), [&linux[..], &["aarch64-apple-darwin"]].concat());
        assert_eq!(triples(&[linux[1]], "linux", "x86_64").unwrap(), [linux[1]]);
    }

    #[test]
    fn errors_name_the_platforms() {
        let unknown = triples(&["riscv64gc-unknown-linux-musl"], "linux", "x86_64").unwrap_err().to_string();
        assert!(unknown.contains("riscv64gc") && unknown.contains("x86_64-unknown-linux-musl"), "{unknown}");
        let foreign = triples(&["aarch64-apple-darwin"], "linux", "x86_64").unwrap_err().to_string();
        assert!(foreign.contains("on that platform only"), "{foreign}");
    }
}
