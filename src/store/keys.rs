//! Every key in Redis, once. All keys of one CRM account share a hash tag, and so do all keys of one Google account: each
//! script works inside one slot, and the service runs on Redis Cluster unchanged.

use crate::contact::AccountKey;

/// Hash: the installation mark (`id`, `epoch`, `epoch_at`, `beat`).
pub const INSTALLATION: &str = "carnet:installation";
/// Hash: `revision` and `body`, the declared state as JSON with sealed secrets.
pub const DECLARED: &str = "carnet:declared";
/// Sorted set: worker process → when it was last alive (ms).
pub const WORKERS: &str = "carnet:workers";
/// Hash: process of the service → how far it has come, as JSON.
pub const PROCESSES: &str = "carnet:processes";

/// Hash: problem → the open alert, as JSON.
pub const ALERTS: &str = "carnet:alerts";
/// A session of the admin pages, by a digest of what the browser holds.
pub fn session(digest: &str) -> String {
    format!("carnet:session:{digest}")
}
/// Stream: the audit log.
pub const AUDIT: &str = "carnet:audit";
/// Lease of the process that looks for problems.
pub const ALERTS_LEASE: &str = "carnet:{watch}:lease";
/// Its fencing tokens.
pub const ALERTS_FENCE: &str = "carnet:{watch}:fence";
/// Hash: process → what its door has refused, as JSON.
pub const DOORS: &str = "carnet:doors";

/// What stands before a Google subject where a CRM account has its vendor.
pub const GOOGLE: &str = "google";

/// Keys of one CRM account (one slot).
#[derive(Clone, Debug)]
pub struct CrmKeys(String);

/// Keys of one Google account (one slot).
#[derive(Clone, Debug)]
pub struct GoogleKeys(String);

impl CrmKeys {
    /// For a CRM account.
    pub fn new(account: &AccountKey) -> Self {
        Self(format!("carnet:{{{account}}}"))
    }
    /// Stream of events.
    pub fn events(&self) -> String {
        self.key("events")
    }
    /// How often events come, as JSON.
    pub fn rhythm(&self) -> String {
        self.key("rhythm")
    }
    /// Why the CRM does not let us in, as JSON.
    pub fn refused(&self) -> String {
        self.key("refused")
    }
    /// Counter of mark generations.
    pub fn generation(&self) -> String {
        self.key("generation")
    }
    /// Limited mode. Hash: contact → bodies not folded yet, a line of JSON each.
    pub fn bodies(&self) -> String {
        self.key("bodies")
    }
    /// Limited mode. Hash: contact → the folded contact.
    pub fn held(&self) -> String {
        self.key("held")
    }
    /// Hash: identifier → ids of the CRM contacts that have it.
    pub fn census(&self) -> String {
        self.key("census")
    }
    /// Hash: contact → its identifiers.
    pub fn census_contacts(&self) -> String {
        self.key("census-contacts")
    }
    /// Hash: facts about the census (`complete`).
    pub fn census_facts(&self) -> String {
        self.key("census-facts")
    }
    /// Stream of dead letters.
    pub fn dead(&self) -> String {
        self.key("dead")
    }
    /// Hash of a sync, or of its undos: contact → id of its dead letter.
    pub fn dead_of(&self, lane: &str) -> String {
        self.key(&format!("dead:{lane}"))
    }
    /// List: the contacts that a replay is to look at.
    pub fn replayed(&self, run: &str) -> String {
        self.key(&format!("replayed:{run}"))
    }
    /// Number of letters that went because there were too many.
    pub fn dead_lost(&self) -> String {
        self.key("dead-lost")
    }
    /// Hash: `RUN:counter` → number.
    pub fn run_counts(&self) -> String {
        self.key("run-counts")
    }
    /// Hash of a sync: dirty contact → what a reconcile page said of it, as JSON.
    pub fn readings(&self, sync: &str) -> String {
        self.key(&format!("readings:{sync}"))
    }
    /// Sorted set of a sync: dirty contact → due time (ms), from live events.
    pub fn due(&self, sync: &str) -> String {
        self.key(&format!("due:{sync}"))
    }
    /// Sorted set of a sync: dirty contact → due time (ms), from reconciles.
    pub fn bulk(&self, sync: &str) -> String {
        self.key(&format!("bulk:{sync}"))
    }
    /// Hash of a sync: dirty contact → mark.
    pub fn marks(&self, sync: &str) -> String {
        self.key(&format!("marks:{sync}"))
    }
    /// Hash of a sync: state (paused, last run, when its brake engaged …).
    pub fn sync(&self, sync: &str) -> String {
        self.key(&format!("sync:{sync}"))
    }
    /// Hash of a sync: the run in progress, or the last one.
    pub fn run(&self, sync: &str) -> String {
        self.key(&format!("run:{sync}"))
    }
    /// Who runs a reconcile of the sync, expiring.
    pub fn run_lease(&self, sync: &str) -> String {
        self.key(&format!("run-lease:{sync}"))
    }
    /// The last token handed out for that.
    pub fn run_fence(&self, sync: &str) -> String {
        self.key(&format!("run-fence:{sync}"))
    }
    /// List of a sync: reports of its runs, newest first.
    pub fn reports(&self, sync: &str) -> String {
        self.key(&format!("reports:{sync}"))
    }
    /// Set of a run: ids of the contacts that the CRM has listed so far.
    pub fn seen(&self, sync: &str, run: &str) -> String {
        self.key(&format!("seen:{sync}:{run}"))
    }
    /// Hash of a sync: contact that its brake has stopped → from what.
    pub fn brake_held(&self, sync: &str) -> String {
        self.key(&format!("brake-held:{sync}"))
    }
    /// Sorted set of a sync: contact that it took out or wrote over → when (ms).
    pub fn brake_spent(&self, sync: &str) -> String {
        self.key(&format!("brake-spent:{sync}"))
    }
    /// Hash of a sync: contact → what a person said when the brake had stopped it.
    pub fn brake_words(&self, sync: &str) -> String {
        self.key(&format!("brake-words:{sync}"))
    }
    /// A preview of a sync, as JSON; expires.
    pub fn preview(&self, sync: &str, id: &str) -> String {
        self.key(&format!("preview:{sync}:{id}"))
    }
    /// Hash: contact → its entry in a preview, as JSON; expires.
    pub fn preview_entries(&self, sync: &str, id: &str) -> String {
        self.key(&format!("preview:{sync}:{id}:entries"))
    }
    /// List: contacts of a preview whose entries are of one kind; expires.
    pub fn preview_kind(&self, sync: &str, id: &str, kind: &str) -> String {
        self.key(&format!("preview:{sync}:{id}:{kind}"))
    }
    /// Id of the last preview of a sync; expires.
    pub fn last_preview(&self, sync: &str) -> String {
        self.key(&format!("last-preview:{sync}"))
    }
    /// The fencing token of the worker that may write for this Google account.
    pub fn fence(&self, subject: &str) -> String {
        self.key(&format!("fence:{subject}"))
    }
    /// Counter of settled steps for this Google account; a Redis that went back in time shows a lower one.
    pub fn sequence(&self, subject: &str) -> String {
        self.key(&format!("sequence:{subject}"))
    }
    /// Nonce of the last settled step.
    pub fn nonce(&self, subject: &str) -> String {
        self.key(&format!("nonce:{subject}"))
    }
    /// Hash: contact → link.
    pub fn links(&self, subject: &str) -> String {
        self.key(&format!("links:{subject}"))
    }
    /// Hash: Google resource → contact.
    pub fn owners(&self, subject: &str) -> String {
        self.key(&format!("owners:{subject}"))
    }
    /// Hash: contact → intent of a create that was begun.
    pub fn intents(&self, subject: &str) -> String {
        self.key(&format!("intents:{subject}"))
    }
    /// Hash: contact → question for a person.
    pub fn needs(&self, subject: &str) -> String {
        self.key(&format!("needs:{subject}"))
    }
    /// Hash: contact → what a person decided.
    pub fn decisions(&self, subject: &str) -> String {
        self.key(&format!("decisions:{subject}"))
    }
    /// Hash: contact → the update that was begun last, until its end is written down.
    pub fn begun(&self, subject: &str) -> String {
        self.key(&format!("begun:{subject}"))
    }
    /// Stream: every write with before, after and reason.
    pub fn journal(&self, subject: &str) -> String {
        self.key(&format!("journal:{subject}"))
    }
    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0)
    }
}

impl GoogleKeys {
    /// For a Google subject.
    pub fn new(subject: &str) -> Self {
        Self(format!("carnet:{{{GOOGLE}:{subject}}}"))
    }
    /// Who works on the account, expiring.
    pub fn lease(&self) -> String {
        self.key("lease")
    }
    /// The last fencing token handed out.
    pub fn fence(&self) -> String {
        self.key("fence")
    }
    /// Hash: person → what of it is known (identifiers and stamps, hashed).
    pub fn listing(&self) -> String {
        self.key("listing")
    }
    /// Hash: identifier or stamp → persons that have it.
    pub fn listing_index(&self) -> String {
        self.key("listing-index")
    }
    /// Hash: facts about the listing (sync token, epoch, when).
    pub fn listing_facts(&self) -> String {
        self.key("listing-facts")
    }
    /// Hash: CRM account → how far its ledger had come at the last intent.
    pub fn sequences(&self) -> String {
        self.key("sequences")
    }
    /// Hash: run → where its proof for people's own contacts is.
    pub fn proofs(&self) -> String {
        self.key("proofs")
    }
    /// Hash of a run: person that was not ours before it → fingerprint.
    pub fn prints(&self, run: &str) -> String {
        self.key(&format!("prints:{run}"))
    }
    /// Hash: state of the account (paused, why, budget, labels).
    pub fn state(&self) -> String {
        self.key("state")
    }
    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0)
    }
}
