//! The storage on a real server: what every storage guarantees, also when the server is killed, and what happens when an
//! answer is lost, the server is away or has other settings.

#[path = "../../../tests/src/redis.rs"]
#[expect(dead_code, reason = "the tests of the host use the rest")]
mod server;

use parking_lot::Mutex;

use super::*;
use crate::storage::conformance::{Bench, conformance_tests};
use server::Redis;

fn settings(url: &str) -> RedisSettings {
    RedisSettings { url: url.to_owned(), ..RedisSettings::default() }
}

async fn open(url: &str) -> Arc<RedisStorage> {
    Arc::new(RedisStorage::open(settings(url), Durability::Process).await.unwrap())
}

struct InRedis(Redis);

impl Default for InRedis {
    fn default() -> Self {
        Self(Redis::durable())
    }
}

impl Bench for InRedis {
    async fn open(&self) -> Arc<dyn Storage> {
        open(&self.0.url()).await
    }

    fn is_there() -> bool {
        Redis::is_installed()
    }
}

/// The server is killed each time the storage is opened.
struct InKilledRedis(Mutex<Redis>);

impl Default for InKilledRedis {
    fn default() -> Self {
        Self(Mutex::new(Redis::durable()))
    }
}

impl Bench for InKilledRedis {
    async fn open(&self) -> Arc<dyn Storage> {
        let url = {
            let mut redis = self.0.lock();
            redis.kill();
            redis.start_again();
            redis.url()
        };
        open(&url).await
    }

    fn is_there() -> bool {
        Redis::is_installed()
    }
}

mod conformance {
    use super::*;
    conformance_tests!(InRedis);
}

mod conformance_when_killed {
    use super::*;
    conformance_tests!(InKilledRedis);
}

mod cluster;
mod faults;
mod proxy;
mod secure;
