//! The architecture is a table in the README; this holds the code to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Module → what it may import, in the order of the table.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let readme = fs::read_to_string("README.md").expect("the README");
    let rows = readme.lines().skip_while(|l| !l.starts_with("| module |")).skip(2).take_while(|l| l.starts_with('|'));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        (words(cells[0]).into_iter().next().expect("a module"), words(cells[2]))
    })
    .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    let (folders, plain): (Vec<_>, Vec<_>) = entries.partition(|p| p.is_dir());
    let rust = plain.into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs"));
    rust.chain(folders.iter().flat_map(|f| files(f))).collect()
}

/// Top-level modules that a file names after `crate::`, also inside `use crate::{…}`. Tests inside a file may use anything.
fn imports(text: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' => name.clear(),
                    ':' if depth == 0 && modules.contains(name.trim()) => drop(found.insert(name.trim().to_owned())),
                    _ => name.push(c),
                }
            }
        } else {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if modules.contains(&name) {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn modules_import_only_what_the_readme_allows_and_only_downwards() {
    let table = table();
    let order: BTreeMap<&str, usize> = table.iter().enumerate().map(|(i, (m, _))| (m.as_str(), i)).collect();
    let modules: BTreeSet<String> = table.iter().map(|(m, _)| m.clone()).collect();
    for (module, allowed) in &table {
        for import in allowed {
            assert!(
                order[import.as_str()] > order[module.as_str()],
                "the table lets `{module}` import upwards: `{import}`"
            );
        }
    }
    let mut seen = BTreeSet::new();
    for file in files(Path::new("src")) {
        let inside = file.strip_prefix("src").expect("inside").components().next().expect("a part");
        let module = Path::new(&inside).with_extension("").display().to_string();
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = table.iter().find(|(m, _)| *m == module).map(|(_, a)| a);
        let allowed = allowed.unwrap_or_else(|| panic!("`{module}` is not in the README's table"));
        for import in imports(&fs::read_to_string(&file).expect("a file"), &modules) {
            assert!(
                import == module || allowed.contains(&import),
                "{}: `{module}` may not import `{import}`",
                file.display()
            );
        }
        seen.insert(module);
    }
    assert_eq!(seen, modules, "the table and src/ name the same modules");
}

#[test]
fn the_scan_sees_plain_and_grouped_imports() {
    let modules = ["store", "work", "plan"].map(str::to_owned).into();
    let code = "use crate::{\n    store::{a, work},\n    plan::x,\n};\nfn f() { crate::work::y() }\n#[cfg(test)]\nuse crate::nothing;";
    assert_eq!(imports(code, &modules), ["plan", "store", "work"].map(str::to_owned).into());
}
