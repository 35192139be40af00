//! One link: HTTP/2 served on a connection that was dialled from here.

use super::dial::Io;
use super::lease::Leases;
use super::proof::Challenge;
use axum::body::Body;
use axum::response::IntoResponse as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use ostler_model::Millis;
use ostler_runtime::{Clock, HttpSpawn, HttpTimer, Spawn};
use ostler_wire::link::proof::{For, STORED_HEADER};
use ostler_wire::link::{Hello as Greeting, tuning};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tower::Service as _;

/// What became of a link.
#[derive(Debug)]
pub(super) enum End {
    /// The connection broke, or the other side closed it.
    Closed(String),
    /// The agent does not obey this server; the sentence says why.
    Refused(String),
    /// It was asked to drain, and has.
    Drained,
}

/// What serving needs.
pub(super) struct Serving<'a> {
    pub router: axum::Router,
    /// What the server has to prove in its hello.
    pub challenge: Challenge,
    pub leases: Arc<Leases>,
    pub clock: &'a Clock,
    pub spawn: &'a Spawn,
    /// How long requests under way may take once draining begins.
    pub drain_limit: Millis,
}

/// Serves until the connection ends. `drain` resolves when the link shall end in order; `greeted` is called once the server has
/// introduced itself and is obeyed.
pub(super) async fn serve(
    io: Box<dyn Io>,
    serving: Serving<'_>,
    drain: impl Future<Output = ()>,
    greeted: impl FnOnce(),
) -> End {
    let desk = Arc::new(Desk::default());
    let reception = Reception {
        desk: desk.clone(),
        router: serving.router,
        challenge: Arc::new(serving.challenge),
        leases: serving.leases,
    };
    // Streams that the link began end with it: nobody is left to read them.
    let spawn = serving.spawn.child();
    let connection = Builder::new(HttpSpawn::new(spawn.clone()))
        .timer(HttpTimer::new(serving.clock.clone()))
        .keep_alive_interval(tuning::PING_EVERY.std())
        .keep_alive_timeout(tuning::PING_TIMEOUT.std())
        .initial_stream_window_size(tuning::STREAM_WINDOW)
        .initial_connection_window_size(tuning::CONNECTION_WINDOW)
        .max_concurrent_streams(tuning::STREAMS_MOST)
        .max_frame_size(tuning::FRAME_MOST)
        .max_send_buf_size(tuning::SEND_BUFFER)
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(io), reception);
    let mut connection = pin!(connection);
    let mut drain = pin!(drain);
    let mut hello_late = serving.clock.sleep(tuning::HELLO_LIMIT);
    let mut greeted = Some(greeted);
    let end = loop {
        tokio::select! {
            done = &mut connection => break desk.end(done),
            () = &mut drain => {
                connection.as_mut().graceful_shutdown();
                let _ = serving.clock.timeout(serving.drain_limit, &mut connection).await;
                break End::Drained;
            }
            () = desk.changed.notified() => match desk.state() {
                Hello::Accepted => if let Some(greeted) = greeted.take() { greeted() },
                // The answer is on its way out; the server closes once it has read it, and the deadline ends it otherwise.
                Hello::Refused(_) => connection.as_mut().graceful_shutdown(),
                Hello::Awaited => {}
            },
            () = &mut hello_late, if greeted.is_some() => {
                break match desk.state() {
                    Hello::Refused(why) => End::Refused(why),
                    Hello::Awaited | Hello::Accepted => End::Closed("the server did not introduce itself in time".into()),
                };
            }
        }
    };
    spawn.cancel();
    end
}

/// Whether the server has introduced itself on this link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Hello {
    #[default]
    Awaited,
    Accepted,
    Refused(String),
}

#[derive(Default)]
struct Desk {
    hello: Mutex<Hello>,
    changed: Notify,
}

impl Desk {
    fn state(&self) -> Hello {
        self.hello.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn set(&self, hello: Hello) {
        *self.hello.lock().unwrap_or_else(PoisonError::into_inner) = hello;
        self.changed.notify_one();
    }
    fn end(&self, done: hyper::Result<()>) -> End {
        match (self.state(), done) {
            (Hello::Refused(why), _) => End::Refused(why),
            (_, Ok(())) => End::Closed("the server closed the link".to_owned()),
            (_, Err(e)) => End::Closed(e.to_string()),
        }
    }
}

/// Answers nothing before a hello that proves this node's control plane.
#[derive(Clone)]
struct Reception {
    desk: Arc<Desk>,
    router: axum::Router,
    challenge: Arc<Challenge>,
    leases: Arc<Leases>,
}

/// The longest hello.
const HELLO_MOST: usize = 64 << 10;

impl Service<Request<Incoming>> for Reception {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let is_hello = request.uri().path() == "/hello";
        if !is_hello && self.desk.state() != Hello::Accepted {
            let refused = (StatusCode::FORBIDDEN, "say hello first").into_response();
            return Box::pin(std::future::ready(Ok(refused)));
        }
        let own = self.clone();
        if !is_hello {
            let mut router = own.router;
            return Box::pin(async move { router.call(request.map(Body::new)).await });
        }
        Box::pin(own.greeted(request))
    }
}

impl Reception {
    async fn greeted(mut self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(Body::new(body), HELLO_MOST).await else {
            return Ok(self.refuse("the server's hello is too long, or broke off".to_owned()));
        };
        // A hello that cannot be read proves nothing; the router then says what is wrong with it.
        let proof = serde_json::from_slice::<Greeting>(&body).ok().and_then(|hello| hello.proof);
        let stored = match self.challenge.verify(For::Link, proof.as_deref()) {
            Err(wrong) => return Ok(self.refuse(wrong.to_string())),
            Ok(statement) => statement.lease.and_then(|lease| self.leases.store(lease)),
        };
        let mut response = self.router.call(Request::from_parts(parts, Body::from(body))).await?;
        if response.status().is_success() {
            if let Some(number) = stored {
                response.headers_mut().insert(STORED_HEADER, HeaderValue::from(number));
            }
            self.desk.set(Hello::Accepted);
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let said = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
        self.desk.set(Hello::Refused(String::from_utf8_lossy(&said).into_owned()));
        Ok(Response::from_parts(parts, Body::from(said)))
    }

    fn refuse(&self, why: String) -> Response<Body> {
        self.desk.set(Hello::Refused(why.clone()));
        (StatusCode::CONFLICT, why).into_response()
    }
}
