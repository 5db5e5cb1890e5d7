# Everything the window says, in English. Ids are those of fr.ftl.

app-name = Bocage
close = Close
back = Back
retry = Try again
loading = Loading…
saving = Saving…
today = { $weekday } { $day } { $month }
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
not-certified = This software is not certified. Enter invented test identities only.

# Before the desk
starting = Opening this machine’s records…
broken-title = This machine’s records can’t be opened
lock-network = Network “{ $network }”
unlock = Unlock
unlocking = Opening…
locked-carries = Locked: it goes on exchanging and carrying records, and can’t read them.
field-passphrase = Passphrase

# First run
welcome = Welcome
welcome-what = Bocage links places of care, connected or not, without a central server.
join-title = Join a network
join-what = A place that belongs to it gave you an invitation and said six words.
join = I have an invitation
found-title = Found a network
found-what = You are the first. You will invite the other places afterwards.
found = Found a network
setup-step = Step { $n } of { $of }
setup-place = Your place
setup-person = Who practises there
setup-passphrase = The passphrase
setup-next = Continue
setup-found = Found the network
setup-join = Ask to be admitted
setup-working = Making keys, a minute at most…
setup-incomplete = To be filled in or corrected: { $fields }.
field-network = Name of the network
hint-network = Hedgerow care network
field-kind = This place is
kind-clinic = a place of care (practice, health centre, hospital)
kind-pharmacy = a pharmacy
kind-cabin = a cabin
kind-mobile = a mobile doctor
field-facility = Name of the place
hint-facility = Saint-Aubin health centre
field-town = Town (optional)
field-finess = FINESS number (optional)
field-invitation = Invitation file
hint-invitation = /media/stick/invitation.bocage
invitation-what = The file comes by mail or on a USB stick; the words are said by phone.
invitation-drop = You can also drop the file on this window.
field-words = The six words
hint-words = six words with spaces between
person-what = The person whose desk this is. That name signs what is written here.
cabin-nobody = Nobody practises in a cabin: it carries records and can’t read them.
field-practitioner = Practitioner’s name
hint-practitioner = Élise Marchand
field-profession = Profession
profession-doctor = Doctor
profession-nurse = Nurse
profession-pharmacist = Pharmacist
field-rpps = RPPS number (optional)
passphrase-what = It opens the records on this machine; 12 characters at least. Four or five random words are safer, and easier to remember, than one complicated word.
field-new-passphrase = New passphrase
field-passphrase-again = The same once more
passphrase-lost = Nobody can recover it, not even we. Write it down and keep it in a safe.
waiting-title = Waiting to be admitted
waiting-what = The place that invites you has to admit you. Phone them: the words below must be the same on their screen.
waiting-words = Words to compare
waiting-again = Ask again

# The desk
nav-home = Home
nav-patients = Patients
nav-network = Network
nav-settings = Settings
lock = Lock
net-alone = Alone in the network
net-offline = Offline
net-offline-what = Everything is saved here and leaves at the next exchange.
net-online = Linked to { $n } of { $of }
net-last = Last exchange: { $at }
help = Keys
key-places = Go to a screen
key-search = Find a patient
key-list = Choose in a list
key-visit = New visit (in a record), new patient (elsewhere)
key-save = Sign and save
key-tabs = Previous, next part of the record
key-back = Screen before
key-lock = Lock this desk
key-help = This help

# Home
hello = Hello { $name }
home-nothing = Nothing waits: no request, no draft.
home-begin = Begin
draft-row = Draft of a visit, { $name }, { $at }
draft-at = draft from { $at }
find-patient = Find a patient
new-patient = New record
look-at = Look

# Patients
search = Find a patient
search-hint = Name, birth date or INS
patients-total = { $n ->
        [0] no record
        [one] { $n } record
       *[other] { $n } records
    }
patients-none = No record can be read here yet.
patients-not-found = Nobody matches among the records that can be read here.
column-name = Name
column-birth = Born
column-sex = Sex
column-ins = INS
age = { $n ->
        [0] under a year
        [one] { $n } year
       *[other] { $n } years
    }
born-f = born { $date }
born-m = born { $date }
born = born { $date }
sex-female = Female
sex-male = Male
sex-other = Other
sex-unknown = Not stated

# New record
test-identities = Invented identities only: the INS number is recorded as a test INS.
field-family = Birth name
field-given = Given names
field-birth = Birth date
hint-birth = dd/mm/yyyy
field-sex = Sex
field-ins = INS (optional)
hint-ins = 15 characters
create-record = Create the record
create-anyway = This is somebody else: create the record
patient-missing = Family name, given name, birth date and sex are needed.
twins = { $n ->
        [one] Somebody here may be the same person. Open that record rather than making a second one.
       *[other] { $n } people here may be the same person. Open that record rather than making a second one.
    }
twin-ins = same INS
twin-name = same name and birth date
twin-similar = similar name, same birth date
toast-patient-created = Record created, saved on this machine

# Record
new-visit = New visit
allergy = Allergy: { $to }
no-allergy = No allergy noted
ins-test = Test INS { $number }
tab-summary = Summary
tab-history = History
tab-vitals = Vital signs
tab-treatments = Problems, allergies, treatments
background = Problems and treatments
tab-readers = Who can read
vitals-few = Two measures of one sign are needed to draw its course.
vitals-none = No vital sign measured.
never-measured = no measure
chart-sentence = { $value } on { $at }. { $n ->
        [one] One measure.
       *[other] { $n } measures.
    }
systolic = Systolic
diastolic = Diastolic
history-none = Nothing is written in this record yet.
entry-note = Note
entry-other = Imported entry
entry-quarantined = Written without the right to: check
entry-disputed = Author disputed: check
entry-corrected = { $n ->
        [one] corrected once
       *[other] corrected { $n } times
    }
saved-here = Saved on this machine
held-by = { $n ->
        [one] Held by { $n } other place
       *[other] Held by { $n } other places
    }
allergies = Allergies and intolerances
allergies-none = No allergy noted.
treatments = Treatments
treatments-none = No treatment noted.
field-substance = Substance
field-reaction = Reaction (optional)
add-allergy = Note the allergy
add-severe-allergy = Note as severe
field-medicine = Medicine
field-dosage = Dosage
add-treatment = Note the treatment
toast-saved-here = Saved on this machine
readers-title = Who can read this record
readers-what = Practitioners of these places, each as their profession allows.
reader-until = until { $at }
reader-open = without an end date
parts-here = Parts that can be read here: { $parts }
part-identity = identity
part-emergency = emergency
part-medication = allergies and treatments
part-clinical = clinical
part-sensitive = sensitive
part-trace = traces
part-request = requests

# Visit
visit-of = Visit: { $name }
back-to-record = Back to the record
field-reason = Reason
hint-reason = Follow-up, pain, renewal…
field-note = Note
hint-note = What was said, found, decided
breathing = The person breathes
on-air = room air
on-oxygen = oxygen
save-visit = Sign and save
drop-draft = Drop the draft
draft-saved = Draft saved at { $at }
toast-visit-saved = Visit signed, saved on this machine
sign-respiratory-rate = Respiratory rate
sign-heart-rate = Pulse
sign-spo2 = SpO₂
sign-temperature = Temperature
sign-blood-pressure = Blood pressure
sign-weight = Weight
sign-height = Height
sign-bmi = BMI
sign-pain = Pain
sign-consciousness = Consciousness
sign-glucose = Glucose
sign-hba1c = HbA1c
sign-wound-length = Wound length
sign-wound-width = Wound width
sign-wound-depth = Wound depth
acvpu-a = Alert
acvpu-c = Confused
acvpu-v = Reacts to voice
acvpu-p = Reacts to pain
acvpu-u = Unresponsive
news2 = NEWS2
news2-incomplete = incomplete
news2-low = low risk
news2-low-medium = low to medium risk: one sign at 3
news2-medium = medium risk: urgent medical review
news2-high = high risk
news2-call = Call 15.
news2-missing = No total: { $signs } missing.
news2-who = Adults of 16 and over, not in pregnancy.
news2-scale-two = SpO₂ scale 2 (prescriber’s decision)

# Slips of the finger
wrong-date = There is no such day: write dd/mm/yyyy.
wrong-key = A digit is mistyped: the check digits don’t fit.
wrong-ins = An INS has 15 characters.
wrong-rpps = An RPPS number has 11 digits.
wrong-finess = A FINESS number has 9 characters.
wrong-passphrase-again = The two passphrases differ.
wrong-limits = From { $low } to { $high }.
wrong-diastolic = Diastolic too high.
wrong-passphrase-short = Twelve characters at least.
wrong-acvpu = One letter: A, C, V, P or U.
wrong-precise = Too many decimals: at most { $decimals }.
wrong-pressure = Two numbers, as 120/80.
wrong-number = A number, in the unit shown.

# Network
network-you = You are { $facility }. Network: { $network }.
network-alone = This place is alone. Invite another: records shared with it are exchanged whenever you meet.
peers = Places of the network
peer-settled = linked, up to date
peer-exchanging = linked, exchanging
peer-seen = last seen { $at }
peer-never = never met
clock-to-check = Clock to check
redial = Look for the others now
toast-redial = Looking for the other places…
carried = What this machine holds
carried-records = { $n ->
        [0] No record can be read here
        [one] { $n } record can be read here
       *[other] { $n } records can be read here
    }
carried-items = { $n ->
        [one] { $n } item held (measures, notes, rights…)
       *[other] { $n } items held (measures, notes, rights…)
    }
carried-sealed = { $n ->
        [0] Nothing is carried sealed for others
        [one] { $n } item carried sealed, unreadable here
       *[other] { $n } items carried sealed, unreadable here
    }
carried-waiting = { $n ->
        [one] { $n } item waits for its author’s certificate
       *[other] { $n } items wait for their author’s certificate
    }
traffic = Sent { $sent }, received { $received } since the start
node-key = This machine’s key: { $key }
listens = Listens on { $address }
newcomer-waits = { $facility } asks to enter the network
newcomer-same-name = A place of this name is a member already: find out by phone who asks.
newcomer-words = Words to compare by phone: the same must be on their screen
newcomer-admit = The words are the same: admit
toast-admitted = { $facility } is a member of the network
invite-place = Invite a place
invite-what = An invitation is good for 72 hours, for one place. Hand over the file by mail or USB stick, and say the words by phone.
field-address = Address of this machine as seen from there (optional on one local network)
hint-address = 192.168.1.20:4517
invite = Make an invitation
invite-file = File to hand over
invite-words = Words to say by phone

# Settings
language = Language
look = Look
look-system = As the computer
look-light = Light
look-dark = Dark
about = About
about-version = Bocage { $version }
about-fonts = Type: Inter (OFL). Icons: Phosphor (MIT).

# Requests
nav-requests = Requests
home-waiting = What waits for you
ask-colleague = Write to a colleague
shelf-received = Received ({ $n })
shelf-sent = Sent ({ $n })
shelf-ended = Ended ({ $n })
requests-none-received = No request is under way for you.
requests-none-sent = No request sent. Colleagues are asked from a patient’s record.
requests-none-ended = No request ended.
request-referral = Referral
request-tele-expertise = Tele-expertise
request-referral-what = The colleague will see the patient.
request-tele-expertise-what = The colleague gives an opinion without seeing the patient, whenever possible.
request-from = from { $name }, { $facility }
request-to = to { $name }
request-title = { $kind }: { $name }
request-line = From { $from } to { $to }
request-untrusted = Request that doesn’t stand
urgent = Urgent
urgent-what = Urgent: goes before everything else
status-to-answer = to be handled
status-requested = waits for an answer
status-accepted = taken in hand
status-accepted-by-me = to be answered
status-more-asked = waits for details
status-more-wanted = details wanted
status-answered = answered
status-declined = declined
status-cancelled = cancelled
status-closed = closed
team-doctors = Doctors
team-nurses = Nurses
team-pharmacists = Pharmacists
compose-title = Question about { $name }
field-request-kind = What is asked
field-recipient = To whom
field-other-recipient = Another recipient instead
hint-recipient = Name, place, profession
recipients-none = Nobody of that name in the network.
field-question = Question
hint-question = What you want to know, and what was done already
send-request = Sign and send
sending = Sending…
request-missing = A recipient and a question are needed.
request-parts = Parts of the record that go with it
request-parts-what = Whoever is asked reads them for seven days at most. Once the request is closed they keep what they received, and receive nothing new.
part-always = Always goes with it: { $part }
toast-request-sent = Request signed and saved here; it goes by itself
open-record = Open the record
request-opens = Attached to this request
request-until = can be read until { $at }
request-shut = Nothing is open by this request any more.
request-claims = Several took it in hand without knowing: { $names }
said-question = Question
said-ask = Details wanted
said-reply = Details
said-answer = Opinion
said-decline = Declined
said-accept = Taken in hand
said-close = Closed
said-cancel = Cancelled
received-by = Arrived at { $name }’s desk, { $at }
read-by = Read by { $name }, { $at }
field-answer = Your reply: an opinion, a question back, or why you decline; choose below
field-reply = Your reply
field-message = Message (optional)
step-answer = Sign the opinion
step-accept = Accept
step-ask = Ask for details
step-reply = Reply
step-close = Close the request
step-decline = Decline
step-cancel = Cancel the request
request-known = These parts could be read before this request.
entry-visit = Visit: { $reason }
carries-only = Nobody practises here: this machine carries and reads nothing.
allergy-severe = Severe allergy: { $to }
allergies-unread = Allergies can’t be read here
treatments-unread = This part of the record isn’t shared with this place: nothing of it is known here.
invite-another = Another invitation
copy-to = Copy to “{ $folder }”
toast-copied = The invitation is copied: { $file }
rekey = Change the passphrase
rekey-do = Change
rekey-working = Changing the passphrase…
rekey-what = Backups made before still open with the old one: make a new one (bocage backup).
field-old-passphrase = Present passphrase
toast-rekeyed = The passphrase is changed.
text-size-normal = Normal
text-size-large = Large
text-size-larger = Very large

# Record: rights, corrections, sharing
back-to-home = Back to home
back-to-patients = Back to patients
back-to-requests = Back to requests
back-to-request = Back to the request
record-shut = This record is no longer open to your place: what is written there now doesn’t come here.
record-shut-since = This record is no longer open to your place. You see what had been received, up to { $at }; what has been written since doesn’t come here.
allergies-unread-since = Allergies: no longer readable here
treatments-shut = This part of the record is no longer open to your place: what is written there now doesn’t come here.
parts-shut = Parts no longer open here: { $parts }
unfold = Correct…
fold = Fold
correct = Correct
correct-named = Correct: { $entry }
correct-title = Correct: { $entry }
correct-what = What was written stays in the history, with who corrected it and when.
correct-sign = Sign the correction
severe = Severe allergy
withdraw = Entered in error
withdraw-sure = Confirm: entered in error
leave = Leave as it is
toast-corrected = Correction signed, saved on this device
entry-in-error = { $n ->
        [one] one entry made in error
       *[other] { $n } entries made in error
    }
entry-mistaken = Entered in error: { $entry }
entry-oxygen = On supplemental oxygen
entry-air = Breathing air
entry-news2 = NEWS2 { $total }
entry-news2-band = NEWS2 { $total }, { $band }
entry-question = Request: { $kind }
entry-message = Message
entry-step-sent = Request opened
entry-step-accept = Request taken in hand
entry-step-ask = More was asked
entry-step-reply = More was said
entry-step-answer = Answer signed
entry-step-decline = Request declined
entry-step-close = Request closed
entry-step-cancel = Request cancelled
share-title = Open this record to another place
share-what = Its practitioners will each read what their profession allows: a pharmacist doesn’t read the notes. A mobile doctor reads for 48 hours.
share-nobody = Every place of the network where somebody practises reads it already.
share = Share
share-with = Share with { $facility }
share-sure = The practitioners of { $facility } will read the record of { $name }. Does the patient agree?
share-lasts = A share can’t be taken back in this version.
share-confirm = Share the record of { $name }
toast-shared = { $facility } can read this record
toast-shared-until = { $facility } can read this record until { $at }

# Requests, continued
status-replied = more was said
status-reply-came = more was said, to be answered
said-addition = Addition
say-more = Add to the answer
field-addition = Add something (optional)
field-follow-up = Another question, or a last word (optional)
step-add = Add to the question
step-follow-up = Ask another question
step-answer-more = Sign the addition
question-row = Question begun, { $name }, { $at }
question-at = question begun, { $at }

# Various
demo = Demonstration: places and people are invented, nothing is kept when the window closes.
hint-glucose = 110
invitation-found = Invitations found on this computer
invitation-good = A valid invitation to the network “{ $network }”, until { $until }.
setup-checking = Opening the invitation…
toast-founded = Network “{ $network }” founded. Other places are invited from the Network screen.
toast-joined = This place is a member of the network “{ $network }”.
place-clinic = place of care
place-pharmacy = pharmacy
place-cabin = cabin, carries without reading
place-mobile = mobile doctor
setup-invitation = Your invitation
visit-not-signed = Nothing is signed. What you wrote stays in this form: try again afterwards.
entry-before = Before: { $entry } · { $author } · { $at }
part-empty = Not begun yet: { $part }
toast-answered = Answer signed, saved on this device
toast-closed = Request closed
news2-breathing = air or oxygen
demo-passphrase = Demonstration: the passphrase is “{ $passphrase }”.
write-instead = Write { $text }
wrong-spoken = This is written { $value }.
wrong-future = This date is in the future.
visit-wrong = { $n ->
        [one] one value to correct
       *[other] { $n } values to correct
    }
drop-question = Drop this draft
drop-sure = Confirm: drop all of it
entry-visit-plain = Visit
withdraw-visit = Of the whole visit: its note, measures and score go with it.

# USB stick
stick = USB stick
stick-what = For places that no link reaches: what they lack travels sealed, and a lost stick shows nothing.
field-stick = The stick’s folder
hint-stick = /media/stick
stick-out = Write onto the stick
stick-in = Read the stick
stick-working = Don’t take the stick out…
stick-written = { $n ->
        [0] Nothing new to take along for { $to }: the stick only says what this place holds ({ $size }).
        [one] { $n } item ({ $size }) written for { $to }. You may take the stick out.
       *[other] { $n } items ({ $size }) written for { $to }. You may take the stick out.
    }
stick-held-there = { $n ->
        [one] { $n } item left out: they have it already.
       *[other] { $n } items left out: they have them already.
    }
stick-brought = { $n ->
        [0] From { $from }: all of it was here already.
        [one] From { $from }: { $n } new item.
       *[other] From { $from }: { $n } new items.
    }
stick-for-others = { $file } is for other places: left as it is.
stick-refused = { $file }: { $why } Nothing of it was taken.
stick-broken-off = { $file }: { $why } { $n ->
    [one] One item had been taken before, and is kept.
   *[other] { $n } items had been taken before, and are kept.
}
stick-no-receipt = No receipt could be written: { $why } What came is kept all the same.
stick-receipt = A receipt is on the stick: brought back, it tells them what this place holds.

# Antecedents, endings, what was opened to this place
problems = Problems and antecedents
problems-none = No antecedent noted.
field-problem = Problem or antecedent
field-since = Since, or in (optional)
hint-since = 1998, 03/1998 or dd/mm/yyyy
add-problem = Add a present problem
add-antecedent = Add an antecedent
problem-since = { $problem } ({ $since })
stop = Stop
is-over = Over
stopped-at = stopped: { $at }
over-at = over: { $at }
over-since = End: { $at }
field-end-day = Since when (today, if nothing is written)
over = past
stop-title = Stop: { $entry }
over-title = Over: { $entry }
end-what = The entry stays in the record, with the date and the name of who said so.
field-end-reason = Why (optional)
stop-sign = Sign the stop
over-sign = Sign
correct-identity = Correct the identity
held-what = Sealed: these places keep it and carry it. Only those to whom the record is open can read it.
part-clinical-what = Visits, measures, notes, problems and antecedents.
part-emergency-what = The emergency sheet: what a carer who doesn’t know the patient must know at once.
wrong-year = Write the year with its four digits.
wrong-century = Write the year with its four digits: { $one } or { $other }?
second-window = Another window of this place is open on this computer: when it is closed, this one stops.
new-patient-row = New record begun, { $at }
drop-new-patient = Give up this record
arrivals = { $n ->
        [one] A record was opened to your place
       *[other] { $n } records were opened to your place
    }
arrival-by = by { $by }, { $at }
arrivals-seen = Mark all as seen
and-more = and { $n } more
unfold-earlier = What was there before…
entry-stopped = Stopped: { $entry }
entry-over = No longer applies: { $entry }
entry-antecedent = Antecedent: { $entry }
entry-identity = Identity: { $entry }
because = Reason: { $reason }
held-sealed = { $n ->
        [one] Backup copy at { $n } other place
       *[other] Backup copies at { $n } other places
    }
no-longer = No longer applies
no-longer-title = No longer applies: { $entry }
field-end-why = Why
add-treatment-anyway = Add despite the allergy
allergy-named = Allergy noted in this record: { $to }. Only words are compared: check.
read-only = Read only: what you find goes into your reply
read-only-until = Read only, until { $at }: what you find goes into your reply
toast-ended = Signed, saved on this device
sign-respiratory-rate-short = Resp. rate
wrong-whole = A whole number.
allergy-none-known = No known allergy
allergy-none-since = No known allergy, { $at }
wrong-word = “{ $word }” is in no list of words: check this word.
copy-file = Copy the file’s path
resume = Resume
key-zoom = Size of the text
locks-after = This desk locks itself after { $minutes } minutes in which nobody touches it; drafts are kept.
wrong-since = Write 1998, 03/1998 or dd/mm/yyyy.
close-means = Closing shuts the record to { $name }: nothing new will arrive there. Press again to confirm.
step-close-sure = Confirm: close the request
claimed-by = Taken in hand by { $name }
step-answer-referral = Sign the reply
said-answer-referral = Reply
status-answered-referral = replied
compose-referral = Referral: { $name }
field-letter = Letter of referral
hint-letter = Why you refer this patient, and what was done so far
begun-at = Begun on { $at }, { $author }
treatment-missing = How it is taken is needed, too.
row-shut = no longer open here
additions-row = Entry begun, { $name }, { $at }
additions-at = entry begun, { $at }
message-row = Reply begun, { $name }, { $at }
message-at = reply begun, { $at }
entry-treatment = Treatment: { $entry }
second-locked = Each window opens for itself: this one asks for the passphrase though the other one is open.
stopped = stopped
