//! The schema's history.

use crate::support::{both_backends, key};
use ostler_store::{Store, StoreError};

both_backends! {
    async fn opening_again_changes_nothing(t) {
        t.user("ada@example.org").await;
        let again = t.reopen().await;
        assert_eq!(again.user_list(&Default::default()).await.unwrap().items.len(), 1);
        again.close().await;
    }

    async fn a_changed_migration_is_refused(t) {
        t.meddle("UPDATE migration SET checksum = 'other'").await;
        let refused = Store::open(t.options(key())).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unusable(why) if why.contains("was changed")), "{refused}");
    }

    async fn a_newer_database_is_refused(t) {
        t.meddle("INSERT INTO migration (name, checksum, applied_at) VALUES ('9999_future', 'x', 0)").await;
        let refused = Store::open(t.options(key())).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unusable(why) if why.contains("newer than this program")), "{refused}");
    }

    async fn many_servers_may_start_at_once(t) {
        let opened = futures_util::future::join_all((0..6).map(|_| t.reopen())).await;
        for store in opened {
            store.ping().await.unwrap();
            store.close().await;
        }
    }
}
