//! `ostler server`: the control plane, its backup and its reference.

use crate::log;
use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand};
use ostler_server::Running;
use ostler_server::config::Config;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    at: At,
}

/// Where the server's things are. Flags win over `OSTLER_*` variables, those over the file.
#[derive(ClapArgs)]
pub(crate) struct At {
    /// Configuration file; docs/reference/config.toml has every key.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder for the database and keys.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address and port to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

#[derive(Subcommand)]
enum Verb {
    /// Copy the SQLite database to a new file, also while the server runs. Keep `master.key` from the data folder with it:
    /// without that key nobody can read the secrets in the copy.
    Backup {
        /// The new file; one that exists is never overwritten.
        to: PathBuf,
    },
    /// Print a link by which somebody sets a new password, for when nobody can sign in to make one.
    ResetLink {
        /// Their e-mail address.
        email: String,
    },
    /// Write docs/reference: the API document and the configuration with every key.
    Generate {
        /// The folder.
        #[arg(long, default_value = "docs/reference")]
        out: PathBuf,
    },
}

impl At {
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = Config::load(self.config.as_deref(), |name| std::env::var(name).ok())?;
        if let Some(data) = &self.data {
            config.flag("data_dir", |config| config.data_dir.clone_from(data));
        }
        if let Some(listen) = self.listen {
            config.flag("listen", |config| config.listen = listen);
        }
        Ok(config)
    }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.verb {
        Some(Verb::Generate { out }) => generate(&out),
        Some(Verb::Backup { to }) => {
            ostler_server::backup(&args.at.config()?, &to).await?;
            println!("{}", to.display());
            Ok(())
        }
        Some(Verb::ResetLink { email }) => {
            println!("{}", ostler_server::reset_link(&args.at.config()?, &email).await?);
            Ok(())
        }
        None => serve(&args.at).await,
    }
}

async fn serve(at: &At) -> Result<()> {
    let mut config = at.config()?;
    log::to_terminal(config.log);
    let mut ending = Ending::listen()?;
    loop {
        let public_url = config.public_url();
        let server = crate::matches::serve(config).await?;
        println!("ostler {} listens on http://{}", env!("CARGO_PKG_VERSION"), server.address);
        if let Some(secret) = &server.setup_secret {
            println!("Create the first admin: {public_url}/setup#secret={}", secret.reveal());
        }
        let next = asked(&server, &mut ending, || at.config()).await?;
        server.stop().await;
        match next {
            Some(next) => config = next,
            None => return Ok(()),
        }
    }
}

/// Waits until the server is to stop (`None`) or to start anew with this configuration.
///
/// A configuration that cannot be used keeps the present server running: whoever asked can correct it and ask again.
pub(crate) async fn asked(
    server: &Running,
    ending: &mut Ending,
    read: impl Fn() -> Result<Config>,
) -> Result<Option<Config>> {
    loop {
        tokio::select! {
            () = ending.asked() => return Ok(None),
            () = server.restart_asked() => match read().and_then(|config| config.check().map(|()| config)) {
                Ok(config) => {
                    println!("Starting anew, as an admin asked.");
                    return Ok(Some(config));
                }
                Err(error) => tracing::error!("the server goes on as it is; it cannot start anew: {error:#}"),
            },
        }
    }
}

/// Hears Ctrl-C and SIGTERM from when it is made, also while nobody waits: a server that is just starting anew must still end.
pub(crate) struct Ending {
    interrupt: Signal,
    term: Signal,
}

impl Ending {
    pub(crate) fn listen() -> Result<Self> {
        let hear = |kind| signal(kind).context("could not listen for Ctrl-C and SIGTERM");
        Ok(Self { interrupt: hear(SignalKind::interrupt())?, term: hear(SignalKind::terminate())? })
    }
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}

/// Resolves at Ctrl-C and at SIGTERM.
pub(crate) async fn asked_to_stop() -> Result<()> {
    Ending::listen()?.asked().await;
    Ok(())
}

fn generate(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make {}", out.display()))?;
    let files = [
        ("openapi.json", ostler_server::openapi_json()),
        ("access.md", ostler_server::access_md()),
        ("config.toml", ostler_server::config::EXAMPLE.to_owned()),
        ("template.schema.json", ostler_server::template::schema_json()),
        ("errors.md", ostler_server::errors_md()),
        ("metrics.md", ostler_server::metrics_md()),
        ("bounds.md", ostler_model::bounds::markdown()),
        ("cli.md", ostler_cli::reference(&crate::command())),
    ];
    for (name, text) in files {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}
