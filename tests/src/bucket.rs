//! An S3 server for tests: it runs in this process, on loopback, with one bucket in a temporary folder. Dropping it removes
//! everything. It checks signatures.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::IF_NONE_MATCH;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use crate::host::Options;

const NAME: &str = "guildhall-files";
const KEY: &str = "the-tests";
const SECRET: &str = "a secret of the tests";

/// A running S3 server with one bucket.
#[derive(Debug)]
pub struct Bucket {
    /// `http://127.0.0.1:port`.
    endpoint: String,
    folder: TempDir,
    serving: JoinHandle<()>,
}

impl Bucket {
    /// Starts the server.
    ///
    /// # Panics
    /// If there is no free port or the folder cannot be created.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join(NAME)).expect("a bucket can be made");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("the folder is there"));
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        // This server checks and writes in two steps; S3 does both in one.
        let conditional = Arc::new(Mutex::new(()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        let endpoint = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (service, conditional) = (service.clone(), conditional.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (service, conditional) = (service.clone(), conditional.clone());
                    async move {
                        let one_at_a_time = match request.headers().contains_key(IF_NONE_MATCH) {
                            true => Some(conditional.lock().await),
                            false => None,
                        };
                        let answered = Service::call(&service, request).await;
                        drop(one_at_a_time);
                        answered
                    }
                });
                connections.spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { endpoint, folder, serving }
    }

    /// Configures a server to store its files here. `secret` replaces the right secret key if it is given.
    #[must_use]
    pub fn options(&self, options: Options, secret: Option<&str>) -> Options {
        options
            .argument("--files-url")
            .argument(format!("s3://{NAME}"))
            .variable("AWS_ENDPOINT", &self.endpoint)
            .variable("AWS_ALLOW_HTTP", "true")
            .variable("AWS_REGION", "eu-central-1")
            .variable("AWS_ACCESS_KEY_ID", KEY)
            .variable("AWS_SECRET_ACCESS_KEY", secret.unwrap_or(SECRET))
    }

    /// Stops the S3 server and closes its connections.
    pub async fn stop(mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Returns the objects of the bucket as paths of files.
    #[must_use]
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().join(NAME)];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
