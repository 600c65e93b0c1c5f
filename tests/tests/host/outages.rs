//! Data that is missing or damaged, and databases that another host uses: a start is refused with words.

use guildhall_tests::{Host, blueprint, chat};

#[tokio::test]
async fn a_missing_journal_is_refused_until_it_is_accepted() {
    let mut host = super::host().await;
    let guild = host.rest().launch_spec(&blueprint::echo()).await;
    chat::join(&host, &guild, "ann").await.echo("before").await;
    host.ask_to_stop().await;
    assert!(host.ended().await.success());
    let journal = host.data_dir().join("journal.db");
    let kept = host.data_dir().join("kept.db");
    let wal = std::fs::metadata(host.data_dir().join("journal.db-wal"));
    assert_eq!(wal.map_or(0, |file| file.len()), 0, "the file is complete alone");
    std::fs::rename(&journal, &kept).expect("the journal is there");

    let errors = host.refused_again(&[]).await;
    let last = errors.lines().last().unwrap_or_default();
    assert!(last.contains("is not the journal that the store knows") && last.contains("journal.accept"), "{errors}");

    std::fs::rename(&kept, &journal).expect("the journal can be restored");
    host.start_again().await;
    chat::join(&host, &guild, "ann").await.echo("after").await;
}

#[tokio::test]
async fn a_damaged_store_or_journal_is_the_last_line_of_a_start() {
    for file in ["guildhall.db", "journal.db"] {
        let host = Host::stopped(super::options());
        std::fs::create_dir_all(host.data_dir()).expect("the folder can be made");
        std::fs::write(host.data_dir().join(file), "x".repeat(8_192)).expect("the file can be written");
        let errors = host.refused_again(&[]).await;
        let last = errors.lines().last().unwrap_or_default();
        assert!(last.starts_with("guildhall: ") && last.contains("damaged"), "{file}: {errors}");
    }
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let url = format!("sqlite://{}/shared.db", folder.path().display());
    let options = super::options().argument("--database-url").argument(url);
    let _host = Host::spawn(options.clone()).await;
    let errors = Host::refused(&options).await;
    assert!(errors.contains("another host uses the database"), "{errors}");
}
