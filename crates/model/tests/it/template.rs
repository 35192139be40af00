//! Templates: the built-in ones hold, what they lower to is a golden file, and what is wrong is told helpfully.

use ostler_model::template::{Template, parse, schema};
use ostler_model::workload::ceiling::check_limits;
use ostler_model::workload::{Runtime, Spec, kind};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn builtin() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    all.sort();
    all
}

fn read(yaml: &str) -> Template {
    parse(yaml).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn spec(template: &Template, runtime: Runtime) -> Spec {
    let required = template.variables.iter().filter(|v| v.is_required());
    let variables = required.map(|v| (v.name.to_string(), "value".into())).collect();
    Spec { template: template.name.to_string(), runtime, variables, limits: template.limits }
}

fn facts(template: &Template) -> kind::Facts {
    let ports = template.ports.iter().zip(27000_u16..).map(|(p, n)| (p.name.to_string(), n)).collect();
    let given = template.kind.given().iter().map(|name| (*name, "given".to_owned())).collect();
    kind::Facts { name: "demo".into(), address: "node.test".into(), ports, given }
}

#[test]
fn every_builtin_template_is_read_and_has_the_name_of_its_file() {
    let all = builtin();
    assert_eq!(
        all.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["luanti", "match-host", "minecraft", "openttd", "process"]
    );
    for (name, yaml) in all {
        assert_eq!(read(&yaml).name.as_str(), name);
    }
}

#[test]
fn s11_every_builtin_template_has_a_limit_of_each_kind_that_everybody_may_use() {
    for (name, yaml) in builtin() {
        assert_eq!(check_limits(&read(&yaml).limits, None), vec![], "{name}");
    }
}

#[test]
fn every_builtin_template_lowers_to_its_golden_blueprint_on_each_runtime() {
    for (name, yaml) in builtin() {
        let template = read(&yaml);
        for runtime in template.runtimes.offered() {
            let made = kind::lower(&template, &spec(&template, runtime), &facts(&template)).unwrap();
            insta::assert_json_snapshot!(format!("{name}_{}", runtime.as_str()), made);
        }
    }
}

#[test]
fn a_template_survives_json_and_its_schema_knows_every_field() {
    let schema = schema();
    for (name, yaml) in builtin() {
        let json = serde_json::to_value(read(&yaml)).unwrap();
        assert_eq!(serde_json::from_value::<Template>(json.clone()).unwrap(), read(&yaml), "{name}");
        for field in json.as_object().unwrap().keys() {
            assert!(schema["properties"].get(field).is_some(), "{field} is not in the schema");
        }
    }
    assert_eq!(schema["additionalProperties"], false);
}

/// Mistakes, and what a person must be told: where it is and what to do.
const MISTAKES: &[(&str, &str, &[&str])] = &[
    ("summary: S", "summery: S", &["summery", "line 3"]),
    ("    type: integer", "    type: integer\n    minn: 3", &["variables[0]", "minn", "line"]),
    (
        "    type: integer",
        "    type: integer\n    pattern: x",
        &["players", "pattern does not belong", "min, max, unit"],
    ),
    ("    type: integer", "    type: number", &["number", "integer", "line"]),
    ("    max: 9", "    max: nine", &["max", "line"]),
    ("    default: 3", "    default: 33", &["variables[0].default", "from 1 to 9"]),
    ("    default: 3", "    default: three", &["players", "whole number"]),
    ("  signal: TERM", "  signal: STOP", &["STOP", "TERM"]),
    ("  signal: TERM", "  shout: please", &["shout", "signal", "command"]),
    ("[run, \"{{players}}\"]", "[run, \"{{player}}\"]", &["command[1]", "{{player}}"]),
    ("[run, \"{{players}}\"]", "[run, \"{{players...}}\"]", &["command[1]", "type text"]),
    ("[run, \"{{players}}\"]", "[\"{{volume.other}}\"]", &["command[0]", "volume.other"]),
    ("[run, \"{{players}}\"]", "run {{players}}", &["command", "sequence"]),
    ("workdir: data", "workdir: date", &["workdir", "date"]),
    ("tcp: game", "tcp: gane", &["ready[0].tcp", "gane"]),
    ("tcp: game", "log: '('", &["ready[0].log", "regular expression"]),
    ("path: a.conf", "path: ../a.conf", &["files[0].path", "relative"]),
    ("path: a.conf", "path: /etc/passwd", &["files[0].path", "relative"]),
    ("volumes: [data]", "volumes: [data, data]", &["volumes[1]", "twice"]),
    ("volumes: [data]", "volumes: [Data]", &["volumes", "a–z"]),
    ("name: t", "name: [t", &["line"]),
    ("grace_secs: 5", "grace_secs: 5000", &["grace_secs", "600"]),
];

const SMALL: &str = "\
name: t
title: T
summary: S
kind: game
variables:
  - name: players
    title: Players
    type: integer
    default: 3
    min: 1
    max: 9
volumes: [data]
ports:
  - name: game
    protocol: tcp
files:
  - volume: data
    path: a.conf
    content: x
runtimes:
  process:
    command: [run, \"{{players}}\"]
    workdir: data
ready:
  - tcp: game
stop:
  signal: TERM
grace_secs: 5
";

#[test]
fn a_mistake_is_told_with_its_place_and_its_remedy() {
    read(SMALL);
    for (right, wrong, hints) in MISTAKES {
        assert!(SMALL.contains(right), "{right} is not in the sample");
        let problems = parse(&SMALL.replacen(right, wrong, 1)).expect_err(wrong);
        let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for hint in *hints {
            assert!(told.contains(hint), "{wrong}: {hint:?} is not in {told:?}");
        }
    }
}

#[test]
fn a_huge_template_is_refused_before_it_is_read() {
    assert!(parse(&"#".repeat(300 << 10)).is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n";
    assert!(parse(bomb).is_err());
}

#[test]
fn values_are_data_and_cannot_become_settings_arguments_or_program_text() {
    let all: BTreeMap<String, String> = builtin().into_iter().collect();
    let lower = |name: &str, variable: &str, value: &str| {
        let template = read(&all[name]);
        let mut spec = spec(&template, Runtime::Process);
        spec.variables.insert(variable.into(), value.into());
        kind::lower(&template, &spec, &facts(&template))
    };
    assert!(lower("luanti", "motd", "hi\nname = mallory").is_err(), "a line break would be a second setting");
    assert!(lower("luanti", "motd", "\"\"\"").is_err(), "quotes would swallow the settings after it");
    assert!(lower("openttd", "title", "x]\n[network").is_err());
    assert!(lower("process", "program", "sh -c id").is_err(), "a program is one name, not a command line");
    let made = lower("process", "arguments", "-c\nid; rm -rf /").unwrap();
    let json = serde_json::to_value(&made.run.how).unwrap();
    assert_eq!(json["args"], serde_json::json!(["-c", "id; rm -rf /"]));
    let made = lower("minecraft", "motd", "'); process.exit(1); ('").unwrap();
    let start = made.resources.iter().find(|r| r.key == "file/data/start.js").unwrap();
    assert!(!serde_json::to_string(start).unwrap().contains("process.exit"), "values never reach the program text");
}

#[test]
fn f24_what_the_game_cannot_hold_is_refused_with_its_field() {
    let (_, yaml) = builtin().into_iter().find(|(name, _)| name == "openttd").unwrap();
    let openttd = read(&yaml);
    let (_, yaml) = builtin().into_iter().find(|(name, _)| name == "luanti").unwrap();
    let luanti = read(&yaml);
    for (template, field, value, is_fine) in [
        (&openttd, "password", "\"quoted\"".to_owned(), true),
        (&openttd, "password", " lead and tail ".to_owned(), true),
        (&openttd, "password", "日".repeat(11), false),
        (&openttd, "title", "é".repeat(40), false),
        (&luanti, "motd", "tail ".to_owned(), false),
        (&luanti, "motd", "\"\"\"".to_owned(), false),
        (&luanti, "motd", "a \"quoted\" word".to_owned(), true),
        (&luanti, "password", "{".to_owned(), false),
    ] {
        let mut spec = spec(template, Runtime::Process);
        spec.variables.insert(field.to_owned(), value.clone().into());
        match kind::check_variables(template, &spec) {
            Ok(()) => assert!(is_fine, "{field}: {value:?}"),
            Err(wrong) => {
                assert!(!is_fine, "{field}: {value:?}: {wrong:?}");
                assert_eq!(wrong[0].field, format!("variables.{field}"));
            }
        }
        if is_fine {
            kind::lower(template, &spec, &facts(template)).unwrap();
        }
    }
    let text =
        serde_json::to_string(&kind::lower(&openttd, &spec(&openttd, Runtime::Process), &facts(&openttd)).unwrap());
    assert!(text.unwrap().contains("server_password = \\\"\\\""));
}

#[test]
fn f24_a_placeholder_in_quotation_marks_of_its_own_is_told() {
    let (_, yaml) = builtin().into_iter().find(|(name, _)| name == "minecraft").unwrap();
    let problems = parse(&yaml.replace("\"motd\": {{motd}}", "\"motd\": \"{{motd}}\"")).unwrap_err();
    assert!(problems[0].message.contains("stands alone"), "{problems:?}");
}
