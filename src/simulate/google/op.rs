//! Which method of the People API a request is, what it costs and which parameters it knows.

/// A method, with the resource it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    CreateContact,
    UpdateContact(String),
    DeleteContact(String),
    BatchCreate,
    BatchUpdate,
    BatchDelete,
    GetPerson(String),
    BatchGet,
    ListConnections(String),
    Search,
    ListGroups,
    CreateGroup,
    BatchGetGroups,
    GetGroup(String),
    UpdateGroup(String),
    DeleteGroup(String),
    ModifyMembers(String),
}

/// Units of each quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    pub critical_read: u32,
    pub critical_write: u32,
    pub read: u32,
    pub write: u32,
    pub daily: u32,
}

impl Cost {
    pub fn add(&mut self, other: Self) {
        self.critical_read += other.critical_read;
        self.critical_write += other.critical_write;
        self.read += other.read;
        self.write += other.write;
        self.daily += other.daily;
    }
}

/// What is fixed about a method.
pub struct Method {
    /// The name by which faults and the log know it.
    pub name: &'static str,
    /// The name in error details.
    pub rpc: &'static str,
    pub writes: bool,
    pub cost: Cost,
    pub params: &'static [&'static str],
}

const FREE: Cost = Cost { critical_read: 0, critical_write: 0, read: 0, write: 0, daily: 0 };
const PERSON_READ: Cost = Cost { critical_read: 1, ..FREE };
const GROUP_READ: Cost = Cost { read: 1, ..FREE };
/// A write reads the person back.
const PERSON_WRITE: Cost = Cost { critical_read: 1, critical_write: 1, daily: 1, ..FREE };
/// The 200 are taken however many contacts are in the batch.
const BATCH_WRITE: Cost = Cost { critical_read: 6, critical_write: 6, daily: 200, ..FREE };
const SMALL_WRITE: Cost = Cost { write: 1, ..FREE };
const BATCH_DELETE: Cost = Cost { write: 10, ..FREE };

impl Op {
    /// `None` for what Google does not have.
    pub fn route(method: &str, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/v1/")?;
        Some(match (method, path) {
            ("POST", "people:createContact") => Self::CreateContact,
            ("POST", "people:batchCreateContacts") => Self::BatchCreate,
            ("POST", "people:batchUpdateContacts") => Self::BatchUpdate,
            ("POST", "people:batchDeleteContacts") => Self::BatchDelete,
            ("GET", "people:batchGet") => Self::BatchGet,
            ("GET", "people:searchContacts") => Self::Search,
            ("GET", "contactGroups") => Self::ListGroups,
            ("POST", "contactGroups") => Self::CreateGroup,
            ("GET", "contactGroups:batchGet") => Self::BatchGetGroups,
            _ => return Self::route_named(method, path),
        })
    }

    fn route_named(method: &str, path: &str) -> Option<Self> {
        let (kind, rest) = path.split_once('/')?;
        // What follows the id: `:verb`, `/collection`, or nothing.
        let end = rest.find([':', '/']).unwrap_or(rest.len());
        let (id, tail) = rest.split_at(end);
        let name = format!("{kind}/{id}");
        match (method, kind, tail) {
            _ if id.is_empty() => None,
            ("GET", "people", "") => Some(Self::GetPerson(name)),
            ("GET", "people", "/connections") => Some(Self::ListConnections(name)),
            ("PATCH", "people" | "otherContacts", ":updateContact") => Some(Self::UpdateContact(name)),
            ("DELETE", "people" | "otherContacts", ":deleteContact") => Some(Self::DeleteContact(name)),
            ("GET", "contactGroups", "") => Some(Self::GetGroup(name)),
            ("PUT", "contactGroups", "") => Some(Self::UpdateGroup(name)),
            ("DELETE", "contactGroups", "") => Some(Self::DeleteGroup(name)),
            ("POST", "contactGroups", "/members:modify") => Some(Self::ModifyMembers(name)),
            _ => None,
        }
    }

    pub fn method(&self) -> Method {
        let (name, rpc, writes, cost, params): (_, _, _, _, &'static [&'static str]) = match self {
            Self::CreateContact => {
                ("people.createContact", "CreateContact", true, PERSON_WRITE, &["personFields", "sources"])
            }
            Self::UpdateContact(_) => (
                "people.updateContact",
                "UpdateContact",
                true,
                PERSON_WRITE,
                &["updatePersonFields", "personFields", "sources"],
            ),
            Self::DeleteContact(_) => ("people.deleteContact", "DeleteContact", true, SMALL_WRITE, &[]),
            Self::BatchCreate => ("people.batchCreateContacts", "BatchCreateContacts", true, BATCH_WRITE, &[]),
            Self::BatchUpdate => ("people.batchUpdateContacts", "BatchUpdateContacts", true, BATCH_WRITE, &[]),
            Self::BatchDelete => ("people.batchDeleteContacts", "BatchDeleteContacts", true, BATCH_DELETE, &[]),
            Self::GetPerson(_) => ("people.get", "GetPerson", false, PERSON_READ, &["personFields", "sources"]),
            Self::BatchGet => {
                ("people.getBatchGet", "GetPeople", false, PERSON_READ, &["resourceNames", "personFields", "sources"])
            }
            Self::ListConnections(_) => (
                "people.connections.list",
                "ListConnections",
                false,
                PERSON_READ,
                &["personFields", "pageSize", "pageToken", "requestSyncToken", "syncToken", "sortOrder", "sources"],
            ),
            Self::Search => (
                "people.searchContacts",
                "SearchContacts",
                false,
                PERSON_READ,
                &["query", "readMask", "pageSize", "sources"],
            ),
            _ => return self.group_method(),
        };
        Method { name, rpc, writes, cost, params }
    }

    fn group_method(&self) -> Method {
        let (name, rpc, writes, params): (_, _, _, &'static [&'static str]) = match self {
            Self::CreateGroup => ("contactGroups.create", "CreateContactGroup", true, &[]),
            Self::BatchGetGroups => (
                "contactGroups.batchGet",
                "BatchGetContactGroups",
                false,
                &["resourceNames", "maxMembers", "groupFields"],
            ),
            Self::GetGroup(_) => ("contactGroups.get", "GetContactGroup", false, &["maxMembers", "groupFields"]),
            Self::UpdateGroup(_) => ("contactGroups.update", "UpdateContactGroup", true, &[]),
            Self::DeleteGroup(_) => ("contactGroups.delete", "DeleteContactGroup", true, &["deleteContacts"]),
            Self::ModifyMembers(_) => ("contactGroups.members.modify", "ModifyContactGroupMembers", true, &[]),
            _ => (
                "contactGroups.list",
                "ListContactGroups",
                false,
                &["pageSize", "pageToken", "syncToken", "groupFields"],
            ),
        };
        Method { name, rpc, writes, cost: if writes { SMALL_WRITE } else { GROUP_READ }, params }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_verb_name_the_method() {
        let name = || "people/c1".to_owned();
        assert_eq!(Op::route("PATCH", "/v1/people/c1:updateContact"), Some(Op::UpdateContact(name())));
        assert_eq!(Op::route("GET", "/v1/people/c1"), Some(Op::GetPerson(name())));
        assert_eq!(Op::route("GET", "/v1/people/me/connections"), Some(Op::ListConnections("people/me".into())));
        assert_eq!(
            Op::route("POST", "/v1/contactGroups/g/members:modify"),
            Some(Op::ModifyMembers("contactGroups/g".into()))
        );
        assert_eq!(Op::route("POST", "/v1/people/c1:updateContact"), None);
        assert_eq!(Op::route("GET", "/v1/people/a/b"), None);
    }
}
