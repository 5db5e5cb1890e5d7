//! Two doctors whom no cable joins, and a USB stick that somebody carries to and fro.

use bocage_app::bridge::Options;
use bocage_node::place::Description;
use bocage_node::service::found_network;
use bocage_protocol::identity::{FacilityKind, Profession};

use crate::support::{PASSPHRASE, Window, fill, french, press, press_row, refill, until_shown, window};

fn place(facility: &str, who: &str) -> Description {
    Description {
        facility: facility.to_owned(),
        kind: FacilityKind::Clinic,
        finess: String::new(),
        town: String::new(),
        practitioner: Some((who.to_owned(), Profession::Doctor, String::new())),
    }
}

fn desk(home: &std::path::Path) -> Window {
    let options = Options {
        data: Some(home.to_owned()),
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        ..Options::default()
    };
    let mut desk = window(options, french());
    fill(&mut desk, "Phrase de passe", PASSPHRASE);
    press(&mut desk, "Déverrouiller");
    until_shown(&mut desk, "Bonjour");
    desk
}

#[test]
fn a_question_and_its_answer_travel_by_stick() {
    let root = tempfile::tempdir().unwrap();
    let places = [
        place("Centre de Saint-Aubin", "Dr Élise Marchand"),
        place("Hôpital de Figeac", "Dr Claire Petit"),
    ];
    let homes = found_network(root.path(), "Quercy", &places, PASSPHRASE).unwrap();
    let stick = root.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    let folder = stick.display().to_string();

    let mut a = desk(homes[0].root());
    press(&mut a, "Nouveau dossier");
    fill(&mut a, "Nom de naissance", "Diallo");
    fill(&mut a, "Prénoms", "Awa");
    fill(&mut a, "Date de naissance", "12/03/1992");
    press(&mut a, "Sexe : Femme");
    press(&mut a, "Créer le dossier");
    press(&mut a, "Écrire à un confrère");
    fill(&mut a, "À qui", "petit");
    press(&mut a, "Dr Claire Petit, Hôpital de Figeac");
    fill(&mut a, "Question", "Faut-il l’hospitaliser ?");
    press(&mut a, "Signer et envoyer");
    until_shown(&mut a, "Demande signée");
    press(&mut a, "Réseau");
    refill(&mut a, "Dossier de la clé", &root.path().join("absent").display().to_string());
    press(&mut a, "Écrire sur la clé");
    until_shown(&mut a, "ce dossier n’existe pas");
    refill(&mut a, "Dossier de la clé", &folder);
    press(&mut a, "Écrire sur la clé");
    until_shown(&mut a, "Vous pouvez retirer la clé.");

    let mut b = desk(homes[1].root());
    press(&mut b, "Réseau");
    refill(&mut b, "Dossier de la clé", &folder);
    press(&mut b, "Lire la clé");
    until_shown(&mut b, "Venu de « Centre de Saint-Aubin »");
    press(&mut b, "Demandes, 1");
    press_row(&mut b, "Téléexpertise, Awa DIALLO");
    fill(&mut b, "Votre réponse", "Oui, ce soir.");
    press(&mut b, "Signer l’avis");
    until_shown(&mut b, "Avis signé");
    press(&mut b, "Réseau");
    press(&mut b, "Écrire sur la clé");
    until_shown(&mut b, "Vous pouvez retirer la clé.");

    press(&mut a, "Réseau");
    press(&mut a, "Lire la clé");
    until_shown(&mut a, "Venu de « Hôpital de Figeac »");
    press(&mut a, "Accueil");
    press_row(&mut a, "Téléexpertise, Awa DIALLO");
    until_shown(&mut a, "Oui, ce soir.");
    until_shown(&mut a, "Lu par Dr Claire Petit");
    until_shown(&mut a, "Détenu par 1 autre lieu");
}
