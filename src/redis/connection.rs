//! One connection for everybody, which is replaced when it is suspect.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, ScriptInvocation, Value,
};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::call_timeout::{CALL_TIMEOUT, within_call_timeout};
use crate::error::{Error, ErrorKind};
use crate::log::log_warn;
use crate::redis::error::{failure, is_lost, is_wrong_server};

/// How long one attempt to connect may take. Our choice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a look-up waits before it is sent once more on a new connection. Our choice: hundreds of times what Redis
/// needs, and a fifth of the time of the whole call.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// After how long without an answer a connection is asked whether it works, before a change is sent on it. Our choice.
const IDLE: Duration = Duration::from_secs(1);

/// A call that is dropped after it waited this long, while no other was answered either, makes its connection suspect.
/// Our choice: Redis answers in well under a millisecond, and a new connection costs little.
const SUSPICION: Duration = Duration::from_millis(200);

/// What is sent.
#[derive(Clone, Copy)]
enum Request<'a> {
    Script(&'a ScriptInvocation<'a>),
    Command(&'a Cmd),
}

/// A client, and the connection that it has made.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    current: Mutex<Arc<Slot>>,
}

/// One connection, made when it is first needed.
#[derive(Debug)]
struct Slot {
    connection: OnceCell<MultiplexedConnection>,
    created_at: Instant,
    /// When the server last answered, in milliseconds since `created_at`.
    last_answer: AtomicU64,
}

impl Connection {
    /// A connection to the server that this URL names, with the TCP settings of this crate.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a URL that cannot be parsed.
    pub(crate) fn to_url(url: &str) -> Result<Self, Error> {
        let client = url.into_connection_info().and_then(|info| Client::open(info.set_tcp_settings(tcp_settings())));
        client.map(Self::new).map_err(|error| Error::with_source(ErrorKind::Configuration, error))
    }

    pub(crate) fn new(client: Client) -> Self {
        Self { client, current: Mutex::new(Slot::new()) }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Connects now, if it has not.
    pub(crate) async fn open(&self) -> Result<(), Error> {
        within_call_timeout(async { self.established(&self.slot()).await.map(drop) }).await
    }

    /// Runs a script that changes nothing. On a connection that turns out to be dead it is sent once more.
    pub(crate) async fn look_up<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        within_call_timeout(self.read(Request::Script(script))).await.and_then(parse)
    }

    /// As [`look_up`](Self::look_up), for a command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        within_call_timeout(self.read(Request::Command(command))).await.and_then(parse)
    }

    /// Runs a script that changes something. It is sent once more only where it certainly was not run.
    pub(crate) async fn change<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        within_call_timeout(self.write(Request::Script(script))).await.and_then(parse)
    }

    async fn write(&self, request: Request<'_>) -> Result<Value, Error> {
        if self.slot().is_idle() {
            // An answer is all that counts. A connection that gives no answer is replaced.
            _ = self.attempt(Request::Command(&redis::cmd("PING")), LOOK_UP_TIMEOUT).await;
        }
        match self.attempt(request, CALL_TIMEOUT).await? {
            Err(error) if is_wrong_server(&error) => self.attempt(request, CALL_TIMEOUT).await?.map_err(failure),
            answer => answer.map_err(failure),
        }
    }

    async fn read(&self, request: Request<'_>) -> Result<Value, Error> {
        match self.attempt(request, LOOK_UP_TIMEOUT).await? {
            Err(error) if is_lost(&error) || is_wrong_server(&error) => {
                self.attempt(request, CALL_TIMEOUT).await?.map_err(failure)
            }
            answer => answer.map_err(failure),
        }
    }

    /// One attempt. The outer error says that there is no connection, the inner one what came of it.
    async fn attempt(&self, request: Request<'_>, limit: Duration) -> Result<Result<Value, RedisError>, Error> {
        let slot = self.slot();
        let mut connection = self.established(&slot).await?;
        let mut watch = Watch { pool: self, slot: &slot, sent_at: slot.age(), is_answered: false };
        let call = async {
            match request {
                Request::Script(script) => script.invoke_async(&mut connection).await,
                Request::Command(command) => command.query_async(&mut connection).await,
            }
        };
        let answer = match timeout(limit, call).await {
            Ok(answer) => answer,
            Err(elapsed) => return Ok(Err(std::io::Error::from(elapsed).into())),
        };
        watch.is_answered = true;
        match &answer {
            Err(error) if is_lost(error) || is_wrong_server(error) => self.replace(&slot),
            _ => slot.note_answer(),
        }
        Ok(answer)
    }

    fn slot(&self) -> Arc<Slot> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whoever comes next makes a new connection. The old one is closed when its last call is over.
    fn replace(&self, suspect: &Arc<Slot>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, suspect) {
            *current = Slot::new();
            drop(current);
            log_warn!("the connection to Redis is suspect and is replaced");
        }
    }

    /// The slot's connection. Of those who wait for it, one makes it.
    async fn established(&self, slot: &Slot) -> Result<MultiplexedConnection, Error> {
        let made = slot.connection.get_or_try_init(|| async {
            match timeout(CONNECT_TIMEOUT, connect(&self.client)).await {
                Ok(made) => made.map_err(failure),
                Err(_elapsed) => Err(ErrorKind::TimedOut.into()),
            }
        });
        made.await.cloned()
    }
}

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self { connection: OnceCell::new(), created_at: Instant::now(), last_answer: AtomicU64::new(0) })
    }

    /// In milliseconds.
    fn age(&self) -> u64 {
        u64::try_from(self.created_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note_answer(&self) {
        self.last_answer.store(self.age(), Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        let silent = self.age().saturating_sub(self.last_answer.load(Ordering::Relaxed));
        self.connection.initialized() && Duration::from_millis(silent) >= IDLE
    }
}

/// Watches over one call: if it ends without an answer, whether by its time-out or because its caller went away, the
/// connection may be dead without a sign. Answers come in order, so one to any later call clears it.
struct Watch<'a> {
    pool: &'a Connection,
    slot: &'a Arc<Slot>,
    sent_at: u64,
    is_answered: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let waited = Duration::from_millis(self.slot.age().saturating_sub(self.sent_at));
        let is_silent = self.slot.last_answer.load(Ordering::Relaxed) <= self.sent_at;
        if !self.is_answered && is_silent && waited >= SUSPICION {
            self.pool.replace(self.slot);
        }
    }
}

/// A whole answer as what it should be. The error of the conversion would quote it, and it is data.
fn parse<T: FromRedisValue>(answer: Value) -> Result<T, Error> {
    redis::from_redis_value(answer).map_err(|_| ErrorKind::Corrupt.into())
}

/// How the operating system finds out that the other side is gone without a word, and how small packets are sent.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(CALL_TIMEOUT);
    settings
}

/// A connection to a server that takes changes.
async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    // Each call has its own time-out, which knows what kind of call it is.
    let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
    let replication: Result<String, _> = redis::cmd("INFO").arg("replication").query_async(&mut connection).await;
    match replication {
        Ok(text) if text.lines().any(|line| line.trim() == "role:slave") => {
            Err((redis::ErrorKind::Client, "the server is a replica: it takes no changes").into())
        }
        Err(error) if is_lost(&error) => Err(error),
        // Where INFO is forbidden, the first change says the same.
        _ => Ok(connection),
    }
}
