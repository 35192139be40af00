//! Starting and stopping: from a configuration to a server that answers, and back in order.

use crate::app::{App, Inner};
use crate::audit::{self, Budget, Notary};
use crate::auth::{Known, Passwords, Seen, Signer};
use crate::config::Config;
use crate::fleet::{Fleet, LinkKey, Verifier};
use crate::http::conn::{self, Listener, Numbers, Table};
use crate::http::{Front, Rates, router};
use crate::job::{Engine, Needs as JobNeeds, Recipes};
use crate::mail::Post;
use crate::matches::Matches;
use crate::oidc::Journeys;
use crate::realtime::Bus;
use crate::reconcile::{Needs as SyncNeeds, Reconciler};
use crate::setting::Settings;
use crate::template::Catalog;
use crate::workload::{Lowering, provision::Provision, remove::Remove};
use crate::{limits, obs, secret, setup};
use anyhow::{Context as _, Result};
use ostler_model::authz::{Authority, Collection, Grant, Origin, Platform, SystemReason, Write, authorize};
use ostler_model::user::Session;
use ostler_model::{Id as _, InstallationId, Millis, Secret};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_store::{Options, Store, setting};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};

/// Time, randomness, tasks and the database: what a server stands on. Tests bring their own.
pub struct Ground {
    pub clock: Clock,
    pub ids: Ids,
    pub spawn: Spawn,
    pub store: Store,
}

/// A server that answers.
pub struct Running {
    pub app: App,
    /// Where it listens, with the real port.
    pub address: SocketAddr,
    /// Present until the first admin exists: what `setup/install` wants.
    pub setup_secret: Option<Secret>,
    connections: Spawn,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({})", self.address)
    }
}

/// Starts a server by its configuration: opens the database, brings it up to date, starts the loops, listens.
pub async fn serve(config: Config) -> Result<Running> {
    config.check()?;
    config.prepare_data_dir()?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let options = database(&config, &clock, &ids)?;
    let store = Store::open(options).await.context("could not open the database")?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}; is another server running?", config.listen))?;
    let (app, setup_secret) = build_app(config, Ground { clock, ids, spawn: Spawn::new(), store }).await?;
    listen(app, setup_secret, listener)
}

/// Where the configured database is.
fn database(config: &Config, clock: &Clock, ids: &Ids) -> Result<Options> {
    let key = secret::master_key(&config.data_dir, ids)?;
    Ok(match &config.database_url {
        Some(url) => Options::postgres(url.clone(), clock.clone(), key),
        None => Options::sqlite(config.sqlite_path(), clock.clone(), key),
    })
}

/// Writes a consistent copy of the SQLite database to a new file, also while a server uses it.
///
/// The schema stays as it is, so that the new version's program can make the copy before the upgrade.
pub async fn backup(config: &Config, to: &Path) -> Result<()> {
    if config.database_url.is_some() {
        anyhow::bail!("this backup is for SQLite; back PostgreSQL up with pg_dump, which knows how to");
    }
    let path = config.sqlite_path();
    if !path.is_file() {
        anyhow::bail!("{} does not exist; name the server's folder with --data or --config", path.display());
    }
    let clock = Clock::system();
    let options = database(config, &clock, &Ids::system(clock.clone()))?.as_is();
    let store = Store::open(options).await.context("could not open the database")?;
    let copied = store.backup_to(to).await;
    store.close().await;
    Ok(copied?)
}

/// Makes a link by which somebody sets a new password, for when nobody can sign in to make one: whoever has the server's files
/// has everything anyhow. Works while a server runs, too.
pub async fn reset_link(config: &Config, email: &str) -> Result<String> {
    let email = email.parse()?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let store = Store::open(database(config, &clock, &ids)?.as_is()).await.context("could not open the database")?;
    let made = crate::user::hand_out(&store, &ids, &clock, &email).await;
    store.close().await;
    Ok(format!("{}/reset#token={}", config.public_url(), made?.reveal()))
}

/// Puts an application together and starts its loops. Returns the setup secret while there is no admin.
pub async fn build_app(config: Config, ground: Ground) -> Result<(App, Option<Secret>)> {
    let Ground { clock, ids, spawn, store } = ground;
    obs::metrics::start();
    let settings = Settings::load(config, &store).await?;
    let config = settings.running().clone();
    let installation = installation(&store, &ids, &clock).await?;
    let setup_secret = setup::prepare(&store, &ids, &clock).await.context("could not prepare the first run")?;
    let (signer, notary, link_key) = keys(&store, (&ids, &clock), installation, &config).await?;
    let bus = Bus::new(&store, clock.clone());
    let fleet = Fleet::start(store.clone(), clock.clone(), spawn.clone(), installation);
    let templates = Catalog::builtin();
    let online = fleet.clone();
    let is_online: crate::workload::place::IsOnline = Arc::new(move |node| online.is_online(node));
    let recipes = Recipes::new([
        Arc::new(Provision { store: store.clone(), catalog: templates.clone(), is_online: is_online.clone() })
            as Arc<dyn crate::job::Recipe>,
        Arc::new(Remove { store: store.clone(), is_online }),
    ]);
    let needs = JobNeeds {
        store: store.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        spawn: spawn.clone(),
        bus: bus.clone(),
    };
    let jobs = Engine::new(needs, recipes);
    jobs.start();
    let lowering = Lowering::new(store.clone(), templates.clone(), config.matches.workers);
    let reconciler = Reconciler::start(SyncNeeds {
        store: store.clone(),
        fleet: fleet.clone(),
        bus: bus.clone(),
        lowering: lowering.clone(),
        installation,
        clock: clock.clone(),
        spawn: spawn.clone(),
    });
    let app = App::new(Inner {
        boot: ids.next(),
        started_at: clock.now(),
        matches: Matches::new(&config.matches, store.bot_any().await?),
        rates: Rates::new(&config.rates, &clock),
        journeys: Journeys::default(),
        passwords: Passwords::new(&ids, clock.clone()),
        known: Known::new(&store),
        signer,
        notary,
        refusals: Budget::new(config.rates.per_address > 0),
        seen: Seen::default(),
        drain: tokio_util::sync::CancellationToken::new(),
        verifier: Verifier::default(),
        link_key,
        store,
        clock,
        ids,
        spawn,
        config,
        settings,
        post: Post::default(),
        installation,
        bus,
        fleet,
        jobs,
        reconciler,
        templates,
        lowering,
    });
    start_loops(&app);
    Ok((app, setup_secret))
}

/// What this installation signs with; the first start makes the keys.
async fn keys(
    store: &Store,
    (ids, clock): (&Ids, &Clock),
    installation: InstallationId,
    config: &Config,
) -> Result<(Signer, Notary, LinkKey)> {
    let signer = Signer::load(store, ids, clock, installation).await.context("could not prepare access tokens")?;
    let notary = Notary::load(store, ids, clock).await.context("could not prepare audit checkpoints")?;
    let link_key = LinkKey::load(store, (ids, clock), installation, &config.dialled_urls()).await;
    Ok((signer, notary, link_key.context("could not prepare the key for links")?))
}

/// What runs beside the requests, until the application ends.
fn start_loops(app: &App) {
    let own = app.clone();
    app.spawn.spawn("mail.drain", async move { crate::mail::run(&own).await });
    let own = app.clone();
    app.spawn.spawn("search.fill", async move { crate::search::fill(&own).await });
    let own = app.clone();
    app.spawn.spawn("server.upkeep", async move { upkeep(&own).await });
    let own = app.clone();
    app.spawn.spawn("matches.watch", async move { crate::matches::watch(&own).await });
    let own = app.clone();
    app.spawn.spawn("matches.hosts", async move { crate::matches::follow(&own).await });
    if app.store.is_shared() {
        let own = app.clone();
        app.spawn.spawn("auth.known", async move { own.known.follow(&own.store, &own.clock).await });
    }
}

/// Every endpoint, as one service.
pub fn service(app: &App) -> Front {
    router(app.clone(), &crate::routes())
}

/// The installation's id, made at the first start of the first server.
async fn installation(store: &Store, ids: &Ids, clock: &Clock) -> Result<InstallationId> {
    if let Some(text) = store.setting_get(setting::INSTALLATION).await? {
        return text.parse().context("the stored installation id cannot be read");
    }
    let who = Authority::system(SystemReason::Setup);
    let grant: Grant<Platform, Write> = authorize(&who, &Platform, &Arc::new(Origin::default()))
        .map_err(|denied| anyhow::anyhow!("setting the platform up is not allowed: {denied:?}"))?;
    let now = clock.now();
    let fresh = InstallationId::from_parts(now, u128::from_be_bytes(ids.bytes()));
    let kept = store.setting_init(&grant, setting::INSTALLATION, &fresh.to_string(), now).await?;
    kept.parse().context("the stored installation id cannot be read")
}

/// Answers on this listener until [`Running::stop`].
pub fn listen(app: App, setup_secret: Option<Secret>, listener: TcpListener) -> Result<Running> {
    let numbers = Numbers::of(conn::raise());
    listen_with(app, setup_secret, listener, numbers)
}

/// The same, with so many connections.
pub fn listen_with(app: App, setup_secret: Option<Secret>, listener: TcpListener, numbers: Numbers) -> Result<Running> {
    let address = listener.local_addr()?;
    let table = Table::new(numbers);
    let connections = Spawn::new();
    let front = service(&app);
    let socket = app.config.listen_socket.as_deref().map(unix).transpose()?;
    for listener in [Some(Listener::Tcp(listener)), socket.map(Listener::Unix)].into_iter().flatten() {
        let (own, front, family, table) = (app.clone(), front.clone(), connections.clone(), table.clone());
        connections.spawn("http.listen", async move { conn::accept(own, front, family, listener, table).await });
    }
    tracing::info!(%address, "listening");
    Ok(Running { app, address, setup_secret, connections })
}

/// A Unix socket for proxies on this machine. It serves the accounts that the configuration names.
fn unix(path: &Path) -> Result<UnixListener> {
    crate::config::clear_socket(path);
    let listener = UnixListener::bind(path)
        .with_context(|| format!("could not listen on {}; is another server running?", path.display()))?;
    crate::config::open_socket(path)?;
    tracing::info!(path = %path.display(), "listening for proxies on this machine");
    Ok(listener)
}

impl Running {
    /// Resolves when an admin asks for a new start. Whoever runs the server stops it and starts another one.
    pub async fn restart_asked(&self) {
        self.app.settings.restart_asked().await;
    }
    /// Stops in order: no new connections, streams end, requests under way finish or run out of time, loops end, the database closes.
    pub async fn stop(self) {
        self.app.drain.cancel();
        let connections = self.connections.clone();
        let drained = async {
            // The listener itself is one of them and ends by the same signal.
            while connections.alive() > 0 {
                self.app.clock.sleep(Millis(10)).await;
            }
        };
        if self.app.clock.timeout(limits::DRAIN_TIME, drained).await.is_none() {
            tracing::warn!(left = self.connections.alive(), "requests that did not finish in time are cut off");
        }
        self.connections.shutdown().await;
        self.app.stop().await;
    }
}

impl App {
    /// Ends the loops and closes the database. For servers without a listener; [`Running::stop`] does it otherwise.
    pub async fn stop(&self) {
        self.drain.cancel();
        self.spawn.shutdown().await;
        self.seen.flush(&self.store, self.clock.now()).await;
        self.matches.detach();
        self.store.close().await;
    }
}

/// Everything that expires is removed a bit at a time, and what is kept in memory is written or folded.
async fn upkeep(app: &App) {
    const EVERY: Millis = Millis::secs(30);
    const BATCH: u32 = 1000;
    let origin = Arc::new(Origin::default());
    let who = Authority::system(SystemReason::Retention);
    loop {
        app.clock.sleep(EVERY).await;
        let now = app.clock.now();
        app.seen.flush(&app.store, now).await;
        app.rates.sweep();
        app.passwords.sweep();
        obs::metrics::upkeep();
        let done = async {
            let sessions: Grant<Collection<Session>, Write> = authorize(&who, &Collection::platform(), &origin)
                .map_err(|denied| anyhow::anyhow!("retention is not allowed to remove sessions: {denied:?}"))?;
            app.store.session_expire(&sessions, now, BATCH).await?;
            app.store.idempotency_expire(BATCH, now).await?;
            app.store.factor_expire(now, BATCH).await?;
            app.store.invite_expire(now - limits::LINKS_KEPT, BATCH, now).await?;
            app.store.throttle_expire(now - limits::THROTTLE_KEPT, BATCH, now).await?;
            anyhow::Ok(())
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "expired rows could not be removed; the next round tries again");
        }
        audit::tell_unwritten(app).await;
        if let Err(error) = audit::upkeep(app).await {
            tracing::warn!(%error, "the audit trail could not be looked after; the next round tries again");
        }
    }
}
