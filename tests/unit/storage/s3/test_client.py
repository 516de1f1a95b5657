"""How S3 clients speak: what no gateway, and no balancer before it, gets out of step with."""

from botocore.awsrequest import AWSResponse

from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint


class Nothing:
    """A body of no bytes."""

    def stream(self, **_how):
        return iter(())


def test_no_body_is_announced_that_may_never_be_sent():
    sent = []
    client = make_client(Endpoint("https://s3.example"), AccessKey("key", "secret"))

    def answer(request, **_event):
        sent.append({name.lower() for name in request.headers})
        return AWSResponse(request.url, 200, {}, Nothing())

    client.meta.events.register("before-send.s3", answer)
    client.put_object(Bucket="bucket", Key="key", Body=b"a body")
    client.upload_part(Bucket="bucket", Key="key", UploadId="1", PartNumber=1, Body=b"a body")
    assert len(sent) == 2
    assert all("expect" not in headers and "authorization" in headers for headers in sent)
