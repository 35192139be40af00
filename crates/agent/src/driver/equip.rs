//! What the agent itself needs of the machine, installed where it may: as root on a Debian or one of its kin.

use super::account::is_root;
use super::tool::{self, Call};
use ostler_model::{Foreign, Millis};
use ostler_runtime::Clock;

/// What separates workloads: a program, and the package that brings it.
const NEEDED: [(&str, &str); 3] = [("bwrap", "bubblewrap"), ("nft", "nftables"), ("ip", "iproute2")];
/// Three small packages over a slow line, after another installation that is under way.
const LIMIT: Millis = Millis::secs(600);

/// Installs what is missing. Where that is not possible, the machine's facts say what is missing and what to do.
pub async fn equip(clock: &Clock) {
    let lacking = lacking(|program| tool::find(program).is_some());
    if lacking.is_empty() || !is_root() || tool::find("apt-get").is_none() {
        return;
    }
    let packages = lacking.join(" ");
    tracing::info!(packages, "installing what separates workloads from this machine");
    if install(clock, &lacking).await.is_err() {
        // The lists may be missing or old.
        let fetched = apt(clock, &["update"]).await;
        if let Err(error) = fetched.and(install(clock, &lacking).await) {
            tracing::warn!(packages, error = %Foreign(error), "cannot be installed");
        }
    }
}

fn lacking(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED.into_iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| package).collect()
}

/// The command that installs all of it, for people.
pub(crate) fn command() -> String {
    format!("apt-get install {}", NEEDED.map(|(_, package)| package).join(" "))
}

async fn install(clock: &Clock, packages: &[&str]) -> Result<String, String> {
    apt(clock, &[&["install", "-y", "--no-install-recommends"], packages].concat()).await
}

async fn apt(clock: &Clock, arguments: &[&str]) -> Result<String, String> {
    let options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5", "-o", "Dpkg::Use-Pty=0"];
    let arguments = [options.as_slice(), arguments].concat();
    let call = Call { program: "apt-get", arguments: &arguments, input: "", limit: LIMIT };
    tool::talk(clock, call, |command| {
        // An interrupted dpkg leaves a package half installed: it goes on when the agent does not wait any longer.
        command.env("DEBIAN_FRONTEND", "noninteractive").kill_on_drop(false);
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_only_what_is_missing_is_installed() {
        assert_eq!(lacking(|_| true), Vec::<&str>::new());
        assert_eq!(lacking(|program| program == "ip"), ["bubblewrap", "nftables"]);
        assert_eq!(command(), "apt-get install bubblewrap nftables iproute2");
    }
}
