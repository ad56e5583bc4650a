#!/usr/bin/env bash
# A real SLURM cluster of one node on this machine, for tests: slurmctld, slurmd, slurmdbd, munge, MariaDB, and two
# stand-in GPUs. Debian packages, as root. Usage: cluster.sh up | down | status | pause SECONDS (of the controller).
set -euo pipefail
FOLDER=${SLURM_TEST_DIR:-/tmp/kidney-tumor-slurm}
CPUS=${SLURM_TEST_CPUS:-4}
MEMORY_MB=${SLURM_TEST_MEM:-64000} # may exceed the real, of which nothing is used
NODE=$(hostname -s)
DAEMONS=(munged mariadbd slurmdbd slurmctld slurmd)
export SLURM_CONF=$FOLDER/slurm.conf

pid() { cat "$FOLDER/run/$1.pid" 2>/dev/null || echo none; }
alive() { kill -0 "$(pid "$1")" 2>/dev/null; }
await() { for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done; echo "error: $* does not succeed" >&2; exit 1; }
gone() { ! alive "$1"; }

stop() {
    alive "$1" || return 0
    kill "$(pid "$1")"
    await gone "$1"
    rm -f "$FOLDER/run/$1.pid"
}

# A real configuration of this machine is left alone.
ours() {
    for file in slurm.conf gres.conf; do
        [ ! -e "/etc/slurm/$file" ] && [ ! -L "/etc/slurm/$file" ] && continue
        [ "$(readlink "/etc/slurm/$file")" = "$FOLDER/$file" ] && continue
        echo "error: /etc/slurm/$file belongs to another cluster; these tests need a machine without SLURM" >&2
        exit 1
    done
}

down() {
    ours
    [ -d "$FOLDER" ] || return 0
    timeout 10 scancel --user "$(id -un)" 2>/dev/null || true
    for daemon in slurmd slurmctld slurmdbd mariadbd munged; do stop "$daemon"; done
    rm -rf "$FOLDER" /etc/slurm/slurm.conf /etc/slurm/gres.conf
}

configure() {
    mkdir -p "$FOLDER"/{run,log,state,spool,dev,munge} /etc/slurm
    chmod 755 "$FOLDER"
    (umask 077 && head -c 1024 /dev/urandom >"$FOLDER/munge/key")
    # Only a character device makes SLURM set CUDA_VISIBLE_DEVICES.
    for gpu in 0 1; do mknod "$FOLDER/dev/nvidia$gpu" c 1 3; done
    cat >"$FOLDER/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$NODE(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge/socket
CryptoType=crypto/munge
SlurmctldPidFile=$FOLDER/run/slurmctld.pid
SlurmdPidFile=$FOLDER/run/slurmd.pid
SlurmctldLogFile=$FOLDER/log/slurmctld.log
SlurmdLogFile=$FOLDER/log/slurmd.log
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MinJobAge=3600
KillWait=5
OverTimeLimit=0
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=26819
AccountingStoragePass=$FOLDER/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY_MB Gres=gpu:2 State=UNKNOWN
PartitionName=batch Nodes=$NODE Default=YES MaxTime=1-0 DefaultTime=10 State=UP
CONF
    echo "NodeName=$NODE Name=gpu File=$FOLDER/dev/nvidia[0-1]" >"$FOLDER/gres.conf"
    (umask 077 && cat >"$FOLDER/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge/socket
DbdHost=localhost
DbdPort=26819
SlurmUser=root
PidFile=$FOLDER/run/slurmdbd.pid
LogFile=$FOLDER/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=23306
StorageUser=slurm
StoragePass=test
StorageLoc=slurm_acct_db
CONF
    )
    # A job's own srun finds the configuration only in the default place.
    ln -sfn "$FOLDER/slurm.conf" /etc/slurm/slurm.conf
    ln -sfn "$FOLDER/gres.conf" /etc/slurm/gres.conf
}

database() {
    chown mysql: "$FOLDER/mysql"
    mariadb-install-db --no-defaults --user=mysql --datadir="$FOLDER/mysql" --auth-root-authentication-method=normal \
        >"$FOLDER/log/mysql_install.log" 2>&1
    setsid mariadbd --no-defaults --user=mysql --datadir="$FOLDER/mysql" --socket="$FOLDER/mysql/socket" \
        --pid-file="$FOLDER/mysql/pid" --bind-address=127.0.0.1 --port=23306 --innodb-buffer-pool-size=64M \
        --innodb-lock-wait-timeout=900 >"$FOLDER/log/mariadbd.log" 2>&1 </dev/null &
    echo $! >"$FOLDER/run/mariadbd.pid"
    local client=(mariadb --no-defaults --socket "$FOLDER/mysql/socket")
    await "${client[@]}" -e "select 1"
    "${client[@]}" -e "create database slurm_acct_db; create user slurm@'127.0.0.1' identified by 'test';
        create user slurm@localhost identified by 'test'; grant all on slurm_acct_db.* to slurm@localhost;
        grant all on slurm_acct_db.* to slurm@'127.0.0.1';"
}

up() {
    alive slurmd && return
    down
    configure
    munged --force --key-file="$FOLDER/munge/key" --socket="$FOLDER/munge/socket" --pid-file="$FOLDER/run/munged.pid" \
        --log-file="$FOLDER/log/munged.log" --seed-file="$FOLDER/munge/seed"
    mkdir -p "$FOLDER/mysql"
    database
    slurmdbd  # its configuration lies beside SLURM_CONF
    await sacctmgr --noheader show cluster
    sacctmgr --immediate add cluster test >/dev/null || true
    sacctmgr --immediate add account default Description=default Organization=test >/dev/null || true
    sacctmgr --immediate add user "$(id -un)" Account=default >/dev/null || true
    slurmctld -c
    slurmd -c
    await sh -c "sinfo --noheader --format %T | grep -qE 'idle|mixed|allocated'"
}

case ${1:-} in
up) up ;;
down) down ;;
status) for daemon in "${DAEMONS[@]}"; do alive "$daemon" && echo "$daemon up" || echo "$daemon down"; done ;;
pause) # the controller is away, as in a restart
    stop slurmctld
    sleep "${2:?seconds}"
    slurmctld
    ;;
*) sed -n '2,3s/^# //p' "$0" && exit 2 ;;
esac
