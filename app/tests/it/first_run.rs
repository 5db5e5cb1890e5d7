//! A network is founded in one window, and joined in another; and what goes wrong before a desk is there has a sentence and a way out.

use bocage_app::bridge::Options;
use bocage_app::state::Phase;
use bocage_node::home::Home;
use bocage_node::keystore::Argon2Cost;
use bocage_node::place::{self, Description};
use bocage_node::service::Service;
use bocage_protocol::identity::{FacilityKind, Profession};

use crate::support::{PASSPHRASE, Window, fill, french, press, refill, told, until, until_shown, window};

fn options(data: &std::path::Path) -> Options {
    Options {
        data: Some(data.to_owned()),
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        ..Options::default()
    }
}

/// The place, whoever works there, and the passphrase.
fn describe(window: &mut Window, facility: &str, practitioner: &str, profession: &str) {
    fill(window, "Nom du lieu", facility);
    press(window, "Continuer");
    fill(window, "Nom du praticien", practitioner);
    press(window, &format!("Profession : {profession}"));
    press(window, "Continuer");
    fill(window, "Nouvelle phrase de passe", PASSPHRASE);
    fill(window, "La même, encore une fois", PASSPHRASE);
}

#[test]
fn a_network_is_founded_in_one_window_and_joined_in_another() {
    let root = tempfile::tempdir().unwrap();
    let mut a = window(options(&root.path().join("a")), french());
    press(&mut a, "Fonder un réseau");
    fill(&mut a, "Nom du réseau", "Réseau du Quercy");
    // Enter goes on, once nothing is missing.
    a.key_press(egui::Key::Enter);
    until_shown(&mut a, "À compléter ou à corriger : Nom du lieu");
    describe(&mut a, "Centre de Saint-Aubin", "Dr Élise Marchand", "Médecin");
    press(&mut a, "Fonder le réseau");
    // The passphrase that was just chosen opens the desk.
    until_shown(&mut a, "Réseau « Réseau du Quercy » fondé");
    until_shown(&mut a, "Bonjour Dr Élise Marchand");

    press(&mut a, "Réseau");
    until(&mut a, "it listens", |w| {
        w.state().state().network.value().is_some_and(|n| !n.listening.is_empty())
    });
    let address = a.state().state().network.value().unwrap().listening[0].clone();
    fill(&mut a, "Adresse de ce poste", "pas une adresse");
    press(&mut a, "Créer une invitation");
    until_shown(&mut a, "Alert: « pas une adresse » n’est pas une adresse");
    refill(&mut a, "Adresse de ce poste", &address);
    press(&mut a, "Créer une invitation");
    until(&mut a, "an invitation", |w| w.state().state().invitation.value().is_some());
    let (file, words) = a.state().state().invitation.value().unwrap().clone();

    // Whoever joins hears at once of a file that is no invitation, of one that was cut, and of words that aren't its.
    let mut b = window(options(&root.path().join("b")), french());
    press(&mut b, "J’ai une invitation");
    let (torn, nothing) = (root.path().join("torn.bocage"), root.path().join("nothing.bocage"));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    std::fs::write(&nothing, b"a letter to the editor").unwrap();
    fill(&mut b, "Les six mots", &words);
    for (broken, said) in [
        (root.path().join("absent.bocage"), "absent.bocage"),
        (nothing, "invitation"),
        (torn, "abîmé"),
    ] {
        refill(&mut b, "Fichier d’invitation", &broken.display().to_string());
        press(&mut b, "Continuer");
        until(&mut b, "a sentence", |w| {
            told(w).lines().any(|l| l.starts_with("Alert: ") && l.contains(said))
        });
    }
    refill(&mut b, "Fichier d’invitation", &file);
    refill(&mut b, "Les six mots", "abaisser abandon abdiquer abeille abolir aborder");
    press(&mut b, "Continuer");
    until(&mut b, "a sentence", |w| {
        told(w).lines().any(|l| l.starts_with("Alert: ") && l.contains("mots"))
    });
    refill(&mut b, "Les six mots", &words);
    press(&mut b, "Continuer");
    until_shown(&mut b, "Invitation valable pour le réseau « Réseau du Quercy »");
    fill(&mut b, "Nom du lieu", "Hôpital de Figeac");
    press(&mut b, "Continuer");
    fill(&mut b, "Nom du praticien", "Dr Claire Petit");
    press(&mut b, "Profession : Médecin");
    press(&mut b, "Continuer");
    fill(&mut b, "Nouvelle phrase de passe", PASSPHRASE);
    fill(&mut b, "La même, encore une fois", PASSPHRASE);
    press(&mut b, "Demander l’admission");
    until_shown(&mut b, "Ce lieu est membre du réseau « Réseau du Quercy »");
    until_shown(&mut a, "Hôpital de Figeac est membre du réseau");
}

#[test]
fn a_directory_that_another_program_holds_says_so_and_opens_once_it_is_free() {
    let root = tempfile::tempdir().unwrap();
    let home = Home::new(root.path().join("place"));
    let place = Description {
        facility: "Centre de Saint-Aubin".to_owned(),
        kind: FacilityKind::Clinic,
        finess: String::new(),
        town: String::new(),
        practitioner: Some(("Dr Élise Marchand".to_owned(), Profession::Doctor, String::new())),
    };
    place::found(&home, "Quercy", &place, PASSPHRASE, Argon2Cost::FLOOR).unwrap();
    // As a command line that imports a large file does.
    let other = Service::open(home.clone(), &mut |_, _| {}).unwrap();
    let mut a = window(options(home.root()), french());
    until(&mut a, "broken", |w| matches!(w.state().state().phase, Phase::Broken(_)));
    let said = told(&a);
    assert!(said.contains("Ce poste ne peut pas s’ouvrir"), "{said}");
    let sentence = said.lines().find(|l| l.starts_with("Alert: ")).expect("a sentence").to_owned();
    assert!(sentence.split_whitespace().count() > 5, "{sentence}");
    press(&mut a, "Réessayer");
    until(&mut a, "still broken", |w| matches!(w.state().state().phase, Phase::Broken(_)));
    other.close().unwrap();
    press(&mut a, "Réessayer");
    until_shown(&mut a, "Phrase de passe");
    fill(&mut a, "Phrase de passe", "pas la bonne phrase");
    press(&mut a, "Déverrouiller");
    until_shown(&mut a, "Phrase de passe fausse");
    fill(&mut a, "Phrase de passe", PASSPHRASE);
    press(&mut a, "Déverrouiller");
    until_shown(&mut a, "Bonjour Dr Élise Marchand");
}

#[test]
fn a_passphrase_is_too_short_here_when_it_is_for_the_keystore() {
    assert_eq!(bocage_app::state::form::SHORTEST_PASSPHRASE, bocage_node::keystore::MIN_CHARACTERS);
}
