"""Cores and memory that a process may use, on machines that exist only as folders."""

import os
import subprocess
import sys

import pytest

from automl.resources import Limit, divide, usable_cores, usable_memory

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path):
    """Writes files below a root; the machine has 64 GiB free and no cgroups until a test says so."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    write({"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable:   {64 * GIB // 1024} kB\n"})
    return write


def cores(root, environment=None, machine=96, affinity=96):
    return usable_cores(root=root, environment=environment or {}, machine=machine, affinity=affinity)


class TestCores:
    def test_machine(self, machine):
        assert Limit(value=96, reason="the machine has them") == cores(machine({}))

    def test_affinity_mask(self, machine):
        assert Limit(value=2, reason="affinity mask") == cores(machine({}), affinity=2)

    def test_real_affinity_mask_of_a_process(self):
        code = (
            "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
            "from automl.resources import usable_cores; print(usable_cores(environment={}).value)"
        )
        if not hasattr(os, "sched_setaffinity"):
            pytest.skip("this system has no affinity masks")

        assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"

    def test_cgroup_2_quota(self, machine):
        root = machine({"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/cpu.max": "250000 100000\n"})

        assert Limit(value=2, reason="cgroup quota of 2.5 cores") == cores(root)

    def test_cgroup_2_quota_of_a_parent(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "0::/pod/app\n",
                "sys/fs/cgroup/pod/app/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pod/cpu.max": "400000 100000\n",
            }
        )

        assert cores(root).value == 4

    def test_cgroup_1_quota_in_a_container_whose_path_is_not_mounted(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            }
        )

        assert cores(root).value == 3

    def test_no_quota(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "5:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            }
        )

        assert cores(root).value == 96

    def test_less_than_one_core_is_one(self, machine):
        root = machine({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"})

        assert Limit(value=1, reason="cgroup quota of 0.5 cores") == cores(root)

    def test_slurm(self, machine):
        assert Limit(value=8, reason="SLURM_CPUS_PER_TASK") == cores(machine({}), {"SLURM_CPUS_PER_TASK": "8"})

    @pytest.mark.parametrize("value", ["", "many", "0", "-3"])
    def test_slurm_nonsense_is_ignored(self, machine, value):
        assert cores(machine({}), {"SLURM_CPUS_PER_TASK": value}).value == 96

    def test_least_wins(self, machine):
        root = machine({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "600000 100000\n"})

        assert cores(root, {"SLURM_CPUS_PER_TASK": "8"}, affinity=16).value == 6


class TestMemory:
    def test_free_memory(self, machine):
        assert Limit(value=64 * GIB, reason="free on this machine") == usable_memory(root=machine({}))

    def test_cgroup_2_counts_file_cache_as_free(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "0::/app\n",
                "sys/fs/cgroup/app/memory.max": f"{2 * GIB}\n",
                "sys/fs/cgroup/app/memory.current": f"{GIB + 300}\n",
                "sys/fs/cgroup/app/memory.stat": f"anon 300\ninactive_file {GIB // 2}\nactive_file {GIB // 2}\n",
            }
        )

        assert Limit(value=2 * GIB - 300, reason="cgroup memory limit") == usable_memory(root=root)

    def test_cgroup_2_limit_of_a_parent(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "0::/pod/app\n",
                "sys/fs/cgroup/pod/app/memory.max": "max\n",
                "sys/fs/cgroup/pod/memory.max": f"{GIB}\n",
                "sys/fs/cgroup/pod/memory.current": "0\n",
            }
        )

        assert usable_memory(root=root).value == GIB

    def test_cgroup_1(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "4:memory:/job\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{GIB}\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            }
        )

        assert usable_memory(root=root).value == GIB - 1000

    def test_more_used_than_allowed_leaves_nothing(self, machine):
        root = machine(
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "1000\n",
                "sys/fs/cgroup/memory.current": "2000\n",
            }
        )

        assert usable_memory(root=root).value == 0

    def test_address_space_that_is_left(self, machine):
        root = machine({"proc/self/status": f"Name:\tpython\nVmSize:\t {GIB // 1024} kB\n"})

        assert usable_memory(root=root, address_space=3 * GIB).value == 2 * GIB

    def test_without_proc_something_plausible(self, tmp_path):
        assert usable_memory(root=tmp_path).value > GIB // 4

    def test_this_machine(self):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

        assert 0 < usable_memory().value <= total


@pytest.mark.parametrize(
    ("available", "jobs", "workers"), [(1, None, 1), (2, None, 2), (96, None, 96), (8, 3, 3), (2, 5, 2)]
)
def test_workers_and_threads_never_exceed_the_cores(available, jobs, workers):
    found, threads = divide(available, jobs)

    assert workers == found
    assert found * threads <= available
