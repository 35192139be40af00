//! Secrets at rest.

use crate::support::{both_backends, key};
use ostler_model::{Secret, SecretId};
use ostler_store::{MasterKey, Store, StoreError};

both_backends! {
    async fn a_secret_is_read_by_its_owner_only_and_is_bound_to_it(t) {
        let (ada, eve) = (t.user("ada@example.org").await, t.user("eve@example.org").await);
        let id: SecretId = t.id();
        t.store.secret_put(&t.may(&ada), id, &Secret::new("hunter2"), t.now()).await.unwrap();
        assert_eq!(t.store.secret_get(id, &ada.id.to_string()).await.unwrap().reveal(), "hunter2");
        assert!(matches!(t.store.secret_get(id, &eve.id.to_string()).await, Err(StoreError::Missing { .. })));
        let stolen = t.store.secret_put(&t.may(&eve), id, &Secret::new("x"), t.now()).await;
        assert!(matches!(stolen, Err(StoreError::Missing { .. })), "{stolen:?}");
        // Moved to another owner behind our back, it cannot be opened.
        t.meddle(&format!("UPDATE secret SET owner = '{}'", eve.id)).await;
        assert!(matches!(t.store.secret_get(id, &eve.id.to_string()).await, Err(StoreError::Sealed { .. })));
    }

    async fn a_new_master_key_reads_the_old_ones_secrets_and_seals_them_anew(t) {
        let ada = t.user("ada@example.org").await;
        let (id, owner): (SecretId, _) = (t.id(), ada.id.to_string());
        t.store.secret_put(&t.may(&ada), id, &Secret::new("hunter2"), t.now()).await.unwrap();
        let foreign = Store::open(t.options(MasterKey::new([9; 32]))).await.unwrap();
        assert!(matches!(foreign.secret_get(id, &owner).await, Err(StoreError::Sealed { .. })));
        foreign.close().await;
        let rotated = Store::open(t.options(MasterKey::new([9; 32]).with_older([7; 32]))).await.unwrap();
        assert_eq!(rotated.secret_get(id, &owner).await.unwrap().reveal(), "hunter2");
        assert_eq!(rotated.secret_reseal(&t.platform(), 100, t.now()).await.unwrap(), 1);
        assert_eq!(rotated.secret_reseal(&t.platform(), 100, t.now()).await.unwrap(), 0);
        rotated.close().await;
        let only_new = Store::open(t.options(MasterKey::new([9; 32]))).await.unwrap();
        assert_eq!(only_new.secret_get(id, &owner).await.unwrap().reveal(), "hunter2");
        only_new.close().await;
        assert!(!format!("{:?}", key()).contains('7'.to_string().repeat(8).as_str()));
    }
}
