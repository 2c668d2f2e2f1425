"""AWS Support: a case names account, region and resources; flows are found by five-tuple and UTC.

Flow logs: a record is one five-tuple on one network interface within an aggregation interval of 10
minutes, or of 1 minute where that was set or the instance is a Nitro one; ``pkt-srcaddr`` and
``pkt-dstaddr`` are the addresses within the packet where a NAT gateway or a pod is between.
"""

from pcapdiag.bundle.vendors.vendor import Vendor

AWS = Vendor(
    name="aws",
    reader="AWS Support",
    fill_in=(
        ("Account ID and Region", "the ones that own the resource that fails"),
        ("Availability Zone ID", "`use1-az1`, and not the letter, which differs by account"),
        ("Instance, ENI or pod", "`i-...`, `eni-...`; of a pod its node's, too"),
        ("VPC, subnet, route table", "`vpc-...`, `subnet-...`, of both ends"),
        ("Load balancer ARN", "and the target group's; of NLB and ALB the node's address"),
        ("What is between", "NAT or transit gateway, VPN, endpoint: `nat-...`, `tgw-...`"),
        ("Original addresses and ports", "of the table above: support finds flows by five-tuple"),
        ("X-Amzn-Trace-Id", "of a failed request through an ALB"),
    ),
    beside=(
        "VPC Flow Logs of both network interfaces over the UTC window above, as ALL traffic, with "
        "`pkt-srcaddr pkt-dstaddr tcp-flags flow-direction traffic-path` beside the default "
        "fields; a record covers up to 10 minutes (1 minute on Nitro), so take some more",
        "ALB or NLB access logs of the window: `elb_status_code` beside `target_status_code`, "
        "`target:port`, `error_reason`",
        "The result of Reachability Analyzer between the two interfaces",
        "A second capture from the other end, or a traffic mirror, of the same minutes",
    ),
    sources=(
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html",
        "https://docs.aws.amazon.com/awssupport/latest/user/case-management.html",
    ),
)
