set -e
: > index.txt; echo 01 > serial
cat > ca.cnf <<'X'
[ca]
default_ca = tests
[tests]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
X
new="openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256"
$new -keyout ca.key -out ca.csr -subj "/CN=tracklite tests"
$new -keyout localhost-key.pem -out localhost.csr -subj /CN=localhost
sign="openssl ca -config ca.cnf -batch -notext -startdate 20200101000000Z -enddate 21200101000000Z"
$sign -selfsign -keyfile ca.key -in ca.csr -out authority.pem -extensions authority
$sign -cert authority.pem -keyfile ca.key -in localhost.csr -out localhost.pem -extensions server
