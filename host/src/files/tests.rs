//! Files in a folder: complete or absent, one for each name, no bytes left behind.

use std::convert::Infallible;
use std::path::Path as FsPath;

use futures_util::stream;
use serde_json::json;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::*;
use guildhall_model::ids::GuildId;

const LIMIT: u64 = 12 << 20;

fn files() -> (Files, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Files::in_folder(dir.path(), LIMIT).unwrap(), dir)
}

fn folder() -> Folder {
    Folder::of_guild(&GuildId::from("g"))
}

fn chunks(bytes: &[u8]) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let pieces: Vec<_> = bytes.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

fn about(name: &str) -> About {
    let metadata = json!({"n": 1}).as_object().unwrap().clone();
    About {
        name: FileName::parse(name).unwrap(),
        media_type: Some("text/plain".to_owned()),
        metadata,
        now_ms: 7,
        request: None,
    }
}

async fn keep(files: &Files, name: &str, bytes: &[u8]) -> Result<Entry, FilesError> {
    let received = files.receive(&folder(), chunks(bytes)).await?;
    files.keep(&folder(), received, about(name)).await
}

async fn content(files: &Files, entry: &Entry) -> Vec<u8> {
    let pieces: Vec<Bytes> = files.read(&folder(), entry, None).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// Every file below `dir`.
fn on_disk(dir: &FsPath) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { on_disk(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_sent() {
    let (files, _dir) = files();
    let big: Vec<u8> = (0..11_u32 << 20).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
    for (name, bytes) in [("empty", &[][..]), ("Ünï cödé 日本.txt", b"x"), ("big", &big)] {
        let entry = keep(&files, name, bytes).await.unwrap();
        assert_eq!(files.entry(&folder(), &entry.name).await.unwrap(), entry);
        assert_eq!((entry.bytes, content(&files, &entry).await == bytes), (bytes.len() as u64, true), "{name}");
    }
    let names: Vec<_> = files.list(&folder()).await.unwrap().into_iter().map(|entry| entry.name).collect();
    let names: Vec<_> = names.iter().map(FileName::as_str).collect();
    assert_eq!(names, ["big", "empty", "Ünï cödé 日本.txt"]);
}

#[tokio::test]
async fn a_second_upload_with_the_same_name_is_refused() {
    let (files, dir) = files();
    keep(&files, "a", b"first").await.unwrap();
    assert!(matches!(keep(&files, "a", b"second").await, Err(FilesError::Exists)));
    let entry = files.entry(&folder(), &about("a").name).await.unwrap();
    assert_eq!(content(&files, &entry).await, b"first");
    files.close().await;
    assert_eq!(on_disk(dir.path()), 2, "nothing is left of the second");
}

#[tokio::test]
async fn one_of_many_simultaneous_uploads_gets_the_name() {
    let (files, dir) = files();
    let all = futures_util::future::join_all((0..20_u8).map(|byte| {
        let files = files.clone();
        async move { keep(&files, "a", &[byte]).await }
    }));
    assert_eq!(all.await.iter().filter(|kept| kept.is_ok()).count(), 1);
    files.close().await;
    assert_eq!(on_disk(dir.path()), 2);
}

#[tokio::test]
async fn a_file_over_the_limit_or_cut_off_leaves_nothing() {
    let (files, dir) = files();
    let over = vec![0; usize::try_from(LIMIT).unwrap() + 1];
    assert!(matches!(keep(&files, "a", &over).await, Err(FilesError::TooLarge { limit: LIMIT })));
    let broken = chunks(&over[..9_000_000]).map(|piece| piece.map_err(|_| ())).chain(stream::iter([Err(())]));
    assert!(matches!(files.receive(&folder(), broken).await, Err(FilesError::Interrupted)));
    drop(files.receive(&folder(), chunks(b"never named")).await.unwrap());
    files.close().await;
    assert_eq!(on_disk(dir.path()), 0);
}

#[tokio::test]
async fn the_name_of_a_removed_file_is_free() {
    let (files, dir) = files();
    let first = keep(&files, "a", b"1").await.unwrap();
    files.remove(&folder(), &first.name).await.unwrap();
    assert_eq!(on_disk(dir.path()), 0);
    assert!(matches!(files.remove(&folder(), &first.name).await, Err(FilesError::NotFound)));
    assert!(matches!(files.entry(&folder(), &first.name).await, Err(FilesError::NotFound)));
    assert!(matches!(files.read(&folder(), &first, None).await.err(), Some(FilesError::NotFound)));
    assert_ne!(keep(&files, "a", b"2").await.unwrap().id, first.id);
}

#[tokio::test]
async fn a_hidden_file_is_kept_and_not_listed() {
    let (files, _dir) = files();
    keep(&files, ".hidden", b"x").await.unwrap();
    assert_eq!(files.list(&folder()).await.unwrap(), []);
    let other = Folder::of_guild(&GuildId::from("other"));
    assert!(matches!(files.entry(&other, &about(".hidden").name).await, Err(FilesError::NotFound)));
}

#[tokio::test]
async fn a_part_of_a_file_is_read() {
    let (files, _dir) = files();
    let entry = keep(&files, "a", b"0123456789").await.unwrap();
    let pieces = files.read(&folder(), &entry, Some(3..7)).await.unwrap();
    assert_eq!(pieces.try_collect::<Vec<_>>().await.unwrap().concat(), b"3456");
}

#[tokio::test]
async fn bytes_without_an_entry_are_removed_when_they_are_old() {
    let (files, dir) = files();
    let kept = keep(&files, "a", b"kept").await.unwrap();
    let whole = keep(&files, "b", b"in a folder of its own").await.unwrap();
    files.objects.put(&folder().content("orphan"), Bytes::from_static(b"x").into()).await.unwrap();
    let other = Folder::of_guild(&GuildId::from("other"));
    files.objects.put(&other.content("orphan"), Bytes::from_static(b"x").into()).await.unwrap();
    std::fs::write(dir.path().join("g/guild/content/cut#1"), b"x").unwrap();
    assert_eq!(on_disk(dir.path()), 7);

    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    assert_eq!(sweep::sweep(&files, long_ago).await.unwrap(), 0, "an upload may still run");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    assert_eq!(sweep::sweep(&files, later).await.unwrap(), 3);
    assert_eq!(on_disk(dir.path()), 4);
    assert_eq!(content(&files, &kept).await, b"kept");
    assert_eq!(content(&files, &whole).await, b"in a folder of its own");
    assert_eq!(sweep::sweep(&files, later).await.unwrap(), 0);
}

#[tokio::test]
async fn the_files_of_a_guild_and_of_its_agents_go_with_it() {
    let (files, dir) = files();
    let (guild, other) = (GuildId::from("g"), GuildId::from("g2"));
    let folders = [Folder::of_guild(&guild), Folder::of_agent(&guild, &"a".into()), Folder::of_guild(&other)];
    for folder in &folders {
        let received = files.receive(folder, chunks(b"x")).await.unwrap();
        files.keep(folder, received, about("f")).await.unwrap();
    }
    files.remove_all(&guild).await.unwrap();
    files.remove_all(&guild).await.unwrap();
    let mut left = Vec::new();
    for folder in &folders {
        left.push(files.list(folder).await.unwrap().len());
    }
    assert_eq!((left, on_disk(dir.path())), (vec![0, 0, 1], 2));
}
